"""Compiles the int8 `.tflite` for an Arm Ethos-U55 next to a Cortex-M, with Arm's own compiler Vela.

    python -m pipeline.export.vela models/edge/lenet5-int8.tflite OUT    # OUT/lenet5-int8_ethos-u55-128.tflite

It prints what runs on the accelerator, and SRAM, flash and time as Vela estimates them: nothing is measured on a board.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from ai_edge_litert import schema_py_generated as schema

from pipeline.export import c_layout, command
from pipeline.export.c_source import NAME
from pipeline.networks import integer_reference
from serving.errors import CheckreaderError

ACCELERATOR: Final = "ethos-u55-128"
# Stated, since Vela's defaults change; the sections are of the file that comes with it.
_CONFIGURATION: Final = (
    "--config",
    "Arm/vela.ini",
    "--system-config",
    "Ethos_U55_High_End_Embedded",
    "--memory-mode",
    "Shared_Sram",
)
_RUN: Final = "import sys; from ethosu.vela.vela import main; sys.exit(main(sys.argv[1:]))"
_NPU: Final = "ethos-u"


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Vela's estimate, by its own model of the hardware.

    Attributes:
        operators: the number of the network's operators.
        cpu_operators: those that are left to the processor.
        sram_bytes, flash_bytes: the network's.
        inferences_per_second: pictures per second.
        clock_hz: of the accelerator that it assumes.
    """

    operators: int
    cpu_operators: tuple[str, ...]
    sram_bytes: int
    flash_bytes: int
    inferences_per_second: float
    clock_hz: float


def available() -> bool:
    """Returns True if Vela is installed."""
    return importlib.util.find_spec("ethosu") is not None


def compile_model(tflite: bytes) -> tuple[bytes, Estimate]:
    """Compiles the file for the accelerator, and estimates its costs.

    Args:
        tflite: the int8 model.

    Raises:
        CheckreaderError: as `integer_reference.load`; Vela is not installed, or refuses the model.
    """
    c_layout.check_digit(integer_reference.load(tflite))
    if not available():
        raise CheckreaderError("Ethos-U needs Arm's compiler Vela: pip install ethos-u-vela")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(tflite)
        command = [sys.executable, "-c", _RUN, "model.tflite", "--accelerator-config", ACCELERATOR]
        process = subprocess.run(
            [*command, *_CONFIGURATION, "--output-dir", "out"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        compiled = folder / "out" / "model_vela.tflite"
        if process.returncode or not compiled.exists():
            lines = (process.stderr + process.stdout).strip().splitlines() or [f"status {process.returncode}"]
            raise CheckreaderError(f"Vela: {lines[-1]}")
        (summary,) = (folder / "out").glob("model_summary_*.csv")
        with summary.open(newline="") as file:
            (row,) = csv.DictReader(file)
        content = compiled.read_bytes()
    return content, _estimate(tflite, content, row)


def _estimate(tflite: bytes, content: bytes, row: dict[str, str]) -> Estimate:
    """Reads the estimate from Vela's summary, and the operators from both files."""
    before, after = (
        integer_reference.operator_names(schema.ModelT.InitFromPackedBuf(file, 0))
        for file in (tflite, content)
    )
    kib = {name: float(row[f"{name}_memory_used"]) for name in ("sram", "off_chip_flash")}
    return Estimate(
        len(before),
        tuple(name for name in after if name != _NPU),
        round(1024 * kib["sram"]),
        round(1024 * kib["off_chip_flash"]),
        float(row["inferences_per_second"]),
        float(row["core_clock"]),
    )


def summary(estimate: Estimate) -> str:
    """Formats the estimate as a line for the screen."""
    left = f"but {', '.join(estimate.cpu_operators)}" if estimate.cpu_operators else "none on the processor"
    return (
        f"{ACCELERATOR}: {estimate.operators} operators, {left}; SRAM {estimate.sram_bytes:,} bytes, flash "
        f"{estimate.flash_bytes:,} bytes; Vela estimates {estimate.inferences_per_second:,.0f} pictures/s at "
        f"{estimate.clock_hz / 1e6:.0f} MHz"
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = command.parser("pipeline.export.vela", "Compile an int8 .tflite for an Arm Ethos-U55.")

    def files(tflite: bytes) -> tuple[dict[str, bytes], str]:
        content, estimate = compile_model(tflite)
        return {f"{NAME}_{ACCELERATOR}.tflite": content}, summary(estimate)

    return command.run(options.parse_args(arguments), files)


if __name__ == "__main__":
    sys.exit(main())

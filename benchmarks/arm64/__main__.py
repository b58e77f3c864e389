"""The cost of checkreader on an arm64 Linux board, emulated. Ends with 1 if the board reads anything differently.

    make edge-arm64      # on Debian, as root: installs what it needs, ten minutes; writes results/arm64.json

A Debian 12 machine is emulated (`emulator`); on it `inside` installs the wheel of this project with the extra
`edge`, and again with `serve`, from the packages' own aarch64 wheels, runs their commands, and reports. The
machine's answers are compared with the release's (`agreement`).

An emulator knows no board's time. It counts instructions, so a start is stated in those: everything that one core
executed, Linux included, from the command to its answer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx.helper import make_empty_tensor_value_info

from benchmarks import models, output
from benchmarks.arm64 import agreement, emulator
from pipeline.data import digits
from pipeline.export import c_source
from pipeline.networks import integer_reference
from pipeline.run import write_json
from serving.errors import CheckreaderError
from serving.repository.store import Repository

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
MNIST: Final = 200  # pictures
_PIP: Final = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
# From the package ziglang, with a C library to link into the program.
_COMPILER: Final = (sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-static")
# Debian 12 has Python 3.11 and glibc 2.36.
_TAGS: Final = ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, boots, compares, writes JSON; returns 1 unless the machine read everything as released.

    Raises:
        CheckreaderError: a tool is missing, or the machine reported nothing.
    """
    options = output.parser("arm64", "Measures both extras on an emulated arm64 board.").parse_args(arguments)
    missing = emulator.missing()
    if missing:
        raise CheckreaderError(f"`make edge-arm64` installs what is missing here: {', '.join(missing)}")
    repository = Repository.open(ROOT / "models")
    pixels = np.concatenate(
        [
            np.rint(255 * repository.golden[1][..., 0]).astype(np.uint8),
            digits.load("mnist", None).test.images[:MNIST],
        ]
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _say("Debian for arm64")
        emulator.system(folder / "root")
        _say("wheels")
        wheels(folder / "root" / "wheels")
        network = write_inputs(folder / "root" / "given", repository, pixels)
        _say("booting")
        report = emulator.boot(folder / "root", folder / "initrd")
    rows = agreement.compare(report, repository.golden[0], integer_reference.logits(network, pixels))
    violations = agreement.violations(report, rows)
    for line in violations:
        print(f"error: {line}", file=sys.stderr)
    record = {"emulator": emulator.description(), "machine": report["machine"], "pictures": len(pixels)}
    write_json(options.out, record | agreement.costs(report) | {"agreement": rows})
    return 1 if violations else 0


def wheels(folder: Path) -> None:
    """Puts this project's wheel into `folder`, and the arm64 wheels that its extras `edge` and `serve` need."""
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    subprocess.run([*_PIP, *build], check=True)
    (wheel,) = folder.glob("*.whl")
    tags = [word for tag in _TAGS for word in ("--platform", tag)]
    download = ("download", "--only-binary=:all:", "--python-version", "3.11", *tags, "--dest", folder)
    subprocess.run([*_PIP, *download, f"{wheel}[edge,serve]"], check=True)


def write_inputs(
    folder: Path, repository: Repository, pixels: agreement.Pixels
) -> integer_reference.Reference:
    """Writes the machine's programs, pictures and models into `folder`; returns the integer network."""
    folder.mkdir()
    for file in (HERE / "inside.py", HERE / "answers.py", ROOT / "examples" / "raspberry-pi" / "read.py"):
        shutil.copy(file, folder)
    shutil.copy(repository.folder / "golden" / "7a.png", folder / "seven.png")
    np.save(folder / "pixels.npy", pixels)
    (folder / "pixels.bin").write_bytes(pixels.tobytes())
    content = models.file("lenet5-int8", "litert", repository).read_bytes()
    (folder / "int8.tflite").write_bytes(content)
    # Its logits are no output of the released file; a copy shows them.
    model = onnx.load(models.file("lenet5-int8", repository=repository))
    model.graph.output.append(make_empty_tensor_value_info("logits_int8"))
    onnx.save(model, folder / "int8.onnx")
    network = integer_reference.load(content)
    compile_c(folder, network)
    return network


def compile_c(
    folder: Path, network: integer_reference.Reference, compiler: Sequence[str] = _COMPILER
) -> None:
    """Compiles the generated C with `main.c` to `folder`/lenet5; by default for Linux on arm64."""
    with tempfile.TemporaryDirectory() as name:
        for suffix, text in zip("ch", c_source.render(network, "0" * 64, ()), strict=True):
            Path(name, f"{c_source.NAME}.{suffix}").write_text(text)
        command = [
            *compiler,
            "-std=c99",
            "-O2",
            "-I",
            name,
            HERE / "main.c",
            Path(name, f"{c_source.NAME}.c"),
        ]
        caches = {"ZIG_LOCAL_CACHE_DIR": name, "ZIG_GLOBAL_CACHE_DIR": name}
        subprocess.run([*command, "-o", folder / "lenet5"], env={**os.environ, **caches}, check=True)


def _say(step: str) -> None:
    print(f"arm64: {step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CheckreaderError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")

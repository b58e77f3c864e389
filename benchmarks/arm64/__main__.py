"""What a Linux board with an arm64 processor takes, on an emulated one. Ends with 1 if it reads anything otherwise.

    make edge-arm64      # on Debian, as root: installs what it needs, writes benchmarks/results/arm64.json, ten minutes

A Debian 12 machine is emulated (`emulator`); on it `inside` installs the wheel of this project with the extra
`edge`, and again with `serve`, from the packages' own aarch64 wheels, runs what they give, and reports. What the
machine answered is held against what the release answers (`agreement`).

An emulator knows no board's time. It counts instructions, so a start is given in those: everything that one core
executed, Linux included, from the command to its answer.
"""

from __future__ import annotations

import json
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

from benchmarks.arm64 import agreement, emulator
from pipeline.data import digits
from pipeline.export import c_source
from pipeline.networks import integer_reference
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


def main() -> int:
    """Builds, boots, compares, prints JSON. Returns 1 unless the machine read everything as it should."""
    absent = emulator.missing()
    if absent:
        raise CheckreaderError(f"`make edge-arm64` installs what is missing here: {', '.join(absent)}")
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
        network = given(folder / "root" / "given", repository, pixels)
        _say("booting")
        told = emulator.boot(folder / "root", folder / "initrd")
    rows = agreement.compared(told, repository.golden[0], integer_reference.logits(network, pixels))
    wrong = agreement.broken(told, rows)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    result = {"emulator": emulator.description(), "machine": told["machine"], "pictures": len(pixels)}
    print(json.dumps(result | agreement.measured(told) | {"agreement": rows}, indent=1))
    return 1 if wrong else 0


def wheels(folder: Path) -> None:
    """This project's wheel in `folder`, and for arm64 all that its extras `edge` and `serve` ask for."""
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    subprocess.run([*_PIP, *build], check=True)
    (wheel,) = folder.glob("*.whl")
    tags = [word for tag in _TAGS for word in ("--platform", tag)]
    download = ("download", "--only-binary=:all:", "--python-version", "3.11", *tags, "--dest", folder)
    subprocess.run([*_PIP, *download, f"{wheel}[edge,serve]"], check=True)


def given(folder: Path, repository: Repository, pixels: agreement.Pixels) -> integer_reference.Reference:
    """Puts what the machine is to read, and to read with, into `folder`; returns the integer network."""
    folder.mkdir()
    for file in (HERE / "inside.py", HERE / "answers.py", ROOT / "examples" / "raspberry-pi" / "read.py"):
        shutil.copy(file, folder)
    shutil.copy(repository.folder / "golden" / "7a.png", folder / "seven.png")
    np.save(folder / "pixels.npy", pixels)
    (folder / "pixels.bin").write_bytes(pixels.tobytes())
    content = (repository.folder / "edge" / "lenet5-int8.tflite").read_bytes()
    (folder / "int8.tflite").write_bytes(content)
    # Its logits are no output of the released file; a copy shows them.
    version = repository.model("lenet5-int8").version
    model = onnx.load(repository.folder / "repository" / "lenet5-int8" / version / "model.onnx")
    model.graph.output.append(make_empty_tensor_value_info("logits_int8"))
    onnx.save(model, folder / "int8.onnx")
    network = integer_reference.load(content)
    compile_c(folder, network)
    return network


def compile_c(
    folder: Path, network: integer_reference.Reference, compiler: Sequence[str] = _COMPILER
) -> None:
    """`folder`/lenet5: the generated C with `main.c`; by default for Linux on arm64."""
    with tempfile.TemporaryDirectory() as name:
        for suffix, text in zip("ch", c_source.write(network, "0" * 64, 0.99), strict=True):
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


def _say(what: str) -> None:
    print(f"arm64: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CheckreaderError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")

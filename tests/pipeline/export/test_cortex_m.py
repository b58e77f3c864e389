"""The bare-metal example, built for five cores and run under emulation: the reference's integers on each.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import digits
from pipeline.export import c_source
from pipeline.networks import integer_reference
from serving.images.codec import decode
from serving.images.digit import normalize
from serving.manifest import Threshold
from serving.repository.store import Repository
from tests.support import integer_networks
from tests.support.paths import ROOT

EXAMPLE = ROOT / "examples" / "cortex-m"
CORES = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
TOOLS = ("make", "arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm")
THRESHOLD = Threshold(0.01, 0.99, 0.0, 0.0, 0.1, 0.9, 100)
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"`make edge-tools` installs {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def released() -> bytes:
    return (Repository.open().folder / "edge/lenet5-int8.tflite").read_bytes()


def golden() -> np.ndarray:
    return np.stack(
        [decode(path.read_bytes()) for path in sorted(Repository.open().folder.glob("golden/[0-9]?.png"))]
    )


def mnist() -> np.ndarray:
    return digits.load("mnist", None).test.images[:200]


def built(folder: Path, model: bytes, pictures: np.ndarray) -> Path:
    """A folder with the C, its header, and the pictures that the example reads."""
    return written(folder, integer_reference.load(model), pictures)


def written(folder: Path, network: integer_reference.Reference, pictures: np.ndarray) -> Path:
    for suffix, text in zip("ch", c_source.render(network, "0" * 64, [THRESHOLD]), strict=True):
        (folder / f"{c_source.NAME}.{suffix}").write_text(text)
    numbers = re.sub(r"\s", "", str(pictures.tolist())).replace("[", "{").replace("]", "}")
    count, height, width = pictures.shape
    (folder / "pictures.h").write_text(
        f"enum {{ COUNT = {count}, HEIGHT = {height}, WIDTH = {width} }};\n"
        f"static const uint8_t pictures[COUNT][HEIGHT][WIDTH] = {numbers};\n"
    )
    return folder


def make(target: str, core: str, folder: Path, optimization: str = "-Os") -> str:
    done = subprocess.run(
        ["make", "-s", "-C", EXAMPLE, target, f"CPU={core}", f"OPT={optimization}", f"OUT={folder}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("source", [golden, mnist])
def test_a_core_computes_the_reference_to_the_bit(tmp_path: Path, released: bytes, core: str, source) -> None:
    if source is mnist and "CHECKREADER_DATA" not in os.environ:
        pytest.skip("$CHECKREADER_DATA names no folder with MNIST")
    pictures = source()
    lines = make("run", core, built(tmp_path, released, pictures)).splitlines()
    found = np.array([[int(number) for number in line.split()] for line in lines])
    network = integer_reference.load(released)
    expected = integer_reference.logits(network, np.stack([normalize(gray) for gray in pictures])).astype(int)
    np.testing.assert_array_equal(found[:, 2:], expected)
    np.testing.assert_array_equal(found[:, 0], expected.argmax(1))
    best = np.sort(expected, 1)
    np.testing.assert_array_equal(
        found[:, 1], best[:, -1] - best[:, -2] >= c_source.margin(network, THRESHOLD.threshold)
    )


@pytest.mark.parametrize("core", CORES)
def test_the_classifier_is_small_and_short(tmp_path: Path, core: str) -> None:
    """Bounds on what the folded network takes, and on the instructions that a picture takes."""
    folder = written(tmp_path, integer_networks.network("folded"), golden()[:2])
    text, initialized, zeroed = map(int, make("size", core, folder).splitlines()[-1].split()[:3])
    assert text + initialized <= 66_000
    assert initialized + zeroed <= 2_800
    assert 187_656 < int(make("count", core, folder)) <= 800_000
    assert 187_656 < int(make("count", core, folder, "-O2")) <= 700_000


def test_the_example_from_nothing(tmp_path: Path, released: bytes) -> None:
    """`make run` writes the C and the pictures itself."""
    arguments = ["run", "CPU=cortex-m3", f"OUT={tmp_path / 'build'}", f"PYTHON={sys.executable}"]
    done = subprocess.run(
        ["make", "-s", "-C", EXAMPLE, *arguments], capture_output=True, text=True, check=True, timeout=120
    )
    found = [line.split()[0] for line in done.stdout.splitlines() if line.count(" ") == 11]
    assert found == [str(digit) for digit in range(10) for _ in range(2)]


def test_an_unknown_core_is_an_error_line(tmp_path: Path, released: bytes) -> None:
    folder = built(tmp_path, released, golden()[:1])
    done = subprocess.run(
        ["make", "-s", "-C", EXAMPLE, "run", "CPU=cortex-m99", f"OUT={folder}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "error: no machine for CPU=cortex-m99" in done.stderr

"""The Raspberry Pi example: a picture, a camera that is a stand-in, and what is neither."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.paths import ROOT

GOLDEN = ROOT / "models" / "golden"
# What the example uses of picamera2, and nothing else: the frame lies beside it, red first.
PICAMERA2 = """
from pathlib import Path

import numpy as np


class Picamera2:
    configuration = started = None

    @staticmethod
    def global_camera_info():
        return [{"Model": "imx708", "Num": 0}] if Path(__file__).with_name("frame.npy").exists() else []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        Path(__file__).with_name("closed").touch()

    def create_still_configuration(self, main):
        return main

    def configure(self, configuration):
        assert configuration == {"format": "BGR888", "size": (640, 480)}
        self.configuration = configuration

    def start(self):
        assert self.configuration
        self.started = True

    def capture_array(self):
        assert self.started
        return np.load(Path(__file__).with_name("frame.npy"))
"""


def run(*arguments: str | Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The example with `path` before all other places of modules."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(entry) for entry in (path, ROOT) if entry)}
    command = [sys.executable, ROOT / "examples" / "raspberry-pi" / "read.py", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What it says of errors: LiteRT has a line of its own there."""
    assert done.returncode == 1
    assert done.stdout == ""
    return [line for line in done.stderr.splitlines() if not line.startswith("INFO: ")]


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    return tmp_path


def photographed(name: str) -> np.ndarray:
    """A golden digit on bluish paper that lies in a slanting light, as a camera sees it."""
    with Image.open(GOLDEN / name) as picture:
        sheet = Image.new("L", (640, 480), 255)
        sheet.paste(picture.convert("L").resize((300, 300)), (170, 90))
    light = np.linspace(0.5, 1.0, 640)[:, np.newaxis] * (0.8, 0.9, 1.0)
    return np.uint8(np.asarray(sheet)[..., np.newaxis] * light)


def test_a_picture() -> None:
    done = run(GOLDEN / "7a.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "7, confidence 0.999, accepted\n"


@pytest.mark.parametrize("name", ["2a.png", "7a.png"])
def test_a_frame_of_the_camera(camera: Path, name: str) -> None:
    np.save(camera / "frame.npy", photographed(name))
    done = run(path=camera)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"{name[0]}, confidence (1.000|0.9\d\d), accepted\n", done.stdout)
    assert (camera / "closed").exists()


def test_an_empty_sheet_is_not_accepted(camera: Path) -> None:
    np.save(camera / "frame.npy", np.full((480, 640, 3), 200, np.uint8))
    assert ", not accepted, blank: no ink found\n" in run(path=camera).stdout


def test_rubbish_is_an_error_line(tmp_path: Path) -> None:
    (tmp_path / "rubbish.png").write_bytes(b"no picture")
    (line,) = errors(run(tmp_path / "rubbish.png"))
    assert line.startswith("error: not a picture: expected PNG")
    (line,) = errors(run(tmp_path / "missing.png"))
    assert line == f"error: {tmp_path / 'missing.png'}: No such file or directory"


def test_without_a_camera(camera: Path) -> None:
    (line,) = errors(run(path=camera))
    assert line.startswith("error: no camera is connected")


@pytest.mark.parametrize(
    ("raised", "help"), [("ImportError", "apt install python3-picamera2"), ("ValueError", "simplejpeg")]
)
def test_without_the_camera_s_software(tmp_path: Path, raised: str, help: str) -> None:
    (tmp_path / "picamera2.py").write_text(f"raise {raised}('numpy.dtype size changed')\n")
    (line,) = errors(run(path=tmp_path))
    assert line.startswith("error: ")
    assert help in line

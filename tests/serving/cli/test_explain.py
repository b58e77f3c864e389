from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.cli import explain, main
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.digit import normalize
from serving.repository.store import Repository
from serving.runtime.network import Network
from tests.support.paths import ROOT
from tests.support.tiny import png, seven, tiff

MODELS = ROOT / "models"
SEVEN = MODELS / "golden" / "7a.png"


@pytest.fixture(scope="module")
def network() -> Network:
    return Repository.open(MODELS).load(explain.MODEL, "onnxruntime").network


@pytest.fixture(scope="module")
def explanation(network: Network) -> explain.Explanation:
    return explain.explain(network, normalize(decode(SEVEN.read_bytes())))


@pytest.fixture(autouse=True)
def released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(MODELS))


def test_occluded_lays_paper_over_every_place() -> None:
    pixels = np.random.default_rng(0).integers(1, 256, (28, 28), np.uint8)
    covered = explain.occluded(pixels)
    assert (covered.shape, covered.dtype) == ((784, 28, 28), np.uint8)
    for row, column in ((0, 0), (10, 17), (27, 3)):
        expected = pixels.copy()
        expected[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = 0
        np.testing.assert_array_equal(covered[row * 28 + column], expected)


def test_it_explains_what_is_served(explanation: explain.Explanation) -> None:
    served = Repository.open(MODELS).load("lenet5").network
    expected = served.infer(explanation.pixels[None, ..., None].astype(np.float32) / 255)[0]
    np.testing.assert_allclose(explanation.probabilities, expected, atol=1e-5)
    assert explanation.digit == 7
    shapes = {name: values.shape for name, values in explanation.layers.items()}
    assert shapes == {
        "c1": (28, 28, 6),
        "s2": (14, 14, 6),
        "c3": (10, 10, 16),
        "s4": (5, 5, 16),
        "c5": (120,),
        "f6": (84,),
    }


def test_saliency_lies_on_the_ink(explanation: explain.Explanation) -> None:
    """Paper laid over paper changes nothing, over the digit it does."""
    ink = np.pad(explanation.pixels > 0, 2)
    near = np.lib.stride_tricks.sliding_window_view(ink, (5, 5)).any((2, 3))
    np.testing.assert_allclose(explanation.saliency[~near], 0, atol=1e-3)
    assert explanation.saliency.max() > 1
    assert explanation.saliency[near].mean() > 0


def test_saliency_is_the_fall_of_the_log_odds(network: Network, explanation: explain.Explanation) -> None:
    row, column = np.unravel_index(int(explanation.saliency.argmax()), explanation.saliency.shape)
    pixels = explanation.pixels.copy()
    pixels[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = 0
    before, after = explanation.probabilities[7], explain.explain(network, pixels).probabilities[7]
    fall = np.log(before / (1 - before)) - np.log(after / (1 - after))
    assert explanation.saliency[row, column] == pytest.approx(fall, abs=0.01)


def test_picture(explanation: explain.Explanation) -> None:
    picture = explain.draw(explanation)
    assert (picture.mode, picture.width) == ("RGB", 1000)
    assert 1000 < picture.height < 1500
    assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 100


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "seen.png"
    assert main.main(["explain", str(SEVEN), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: read as 7, probability ")
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    assert [file.name for file in tmp_path.iterdir()] == ["seen.png"]


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SEVEN.read_bytes())))
    assert main.main(["explain", "-", "--out", str(tmp_path / "seen.png")]) == 0
    assert "read as 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"rubbish", "not a picture"),
        (b"", "not a picture"),
        (SEVEN.read_bytes()[:100], "damaged PNG picture"),
        (png(seven(ink=255, paper=255)), "blank: no ink found"),
        (tiff(seven(), seven()), "2 pages where one picture is expected"),
        (None, "No such file"),
    ],
    ids=["rubbish", "empty", "cut off", "blank", "pages", "missing"],
)
def test_refuses(tmp_path: Path, capsys, content: bytes | None, message: str) -> None:
    file, out = tmp_path / "a.png", tmp_path / "out.png"
    if content is not None:
        file.write_bytes(content)
    assert main.main(["explain", str(file), "--out", str(out)]) == 1
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert line.startswith(f"error: {file}: ")
    assert message in line
    assert (output.out, out.exists()) == ("", False)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none/out.png", "there is no folder"),
        ("folder.png", "is there already and no file"),
        ("out.pdf", "a PNG is written"),
        ("", "a PNG is written"),
    ],
)
def test_where_it_cannot_write(tmp_path: Path, capsys, name: str, why: str) -> None:
    (tmp_path / "folder.png").mkdir()
    out = str(tmp_path / name) if name else ""
    assert main.main(["explain", str(SEVEN), "--out", out]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: --out {Path(out)}: {why}")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_failure_names_the_picture(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    out = tmp_path / "seen.png"
    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert main.main(["explain", str(SEVEN), "--out", str(out)]) == 1
    assert capsys.readouterr().err == f"error: {out}: Permission denied\n"


def test_a_model_without_its_layers(models: Path) -> None:
    network = Repository.open(models).load(explain.MODEL, "onnxruntime").network
    with pytest.raises(CheckreaderError, match="the model shows no c1, s2, c3, s4, c5, f6"):
        explain.explain(network, np.zeros((28, 28), np.uint8))

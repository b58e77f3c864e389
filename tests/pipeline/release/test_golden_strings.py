"""Golden pictures are drawn until every format reads them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pipeline.export.formats import MICR_FORMATS
from pipeline.networks import spec
from pipeline.networks.lenet5_micr import NETWORK
from pipeline.release import golden_strings
from pipeline.release.golden_strings import GoldenSource
from pipeline.run import Run, sha256
from serving.errors import CheckreaderError
from serving.images.micr_line import normalize_micr_line
from serving.manifest import GoldenFields
from tests.support.micr_lines import TEXT, steps_of, strip

SYMBOLS = TEXT.replace(" ", "")
ROWS = [row for row in MICR_FORMATS if row.name in ("onnx_float32", "onnx_int8")]
Draw = Callable[[int, np.random.Generator], tuple[np.ndarray, str] | None]


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every format reads the same symbols of any line, the 8-bit ones with probability 0.9."""

    def predictor(row, path):
        rivals = {3: ("9", 0.1)} if row.type == "int8" else None
        steps = steps_of(normalize_micr_line(strip(TEXT)), TEXT, rivals)

        def predict(image: np.ndarray) -> np.ndarray:
            padding = (image.shape[2] - NETWORK.sliding.receptive) // NETWORK.sliding.stride + 1 - len(steps)
            return np.concatenate([steps, np.full((padding, NETWORK.classes), 1 / NETWORK.classes)])[None]

        return predict

    monkeypatch.setattr(golden_strings, "predictor", predictor)


def write(folder: Path, draw: Draw) -> GoldenFields:
    source = GoldenSource(spec.MICR, "lines", "line", normalize_micr_line, draw)
    entry = golden_strings.write(Run(folder), ROWS, NETWORK.alphabet, source, folder / "golden")
    assert entry.path == "golden/lines.json"
    assert entry.sha256 == sha256(folder / entry.path)
    return msgspec.json.decode((folder / entry.path).read_bytes(), type=GoldenFields)


def test_answers_of_every_format(tmp_path: Path) -> None:
    golden = write(tmp_path, lambda number, rng: (strip(TEXT), SYMBOLS)).fields
    assert [entry.file for entry in golden] == [f"line-{letter}.png" for letter in "abcdefgh"]
    for entry in golden:
        assert entry.text == SYMBOLS
        assert entry.sha256 == sha256(tmp_path / "golden" / entry.file)
        steps = {name: formats for model in entry.expected.values() for name, formats in model.items()}
        assert set(steps) == {"onnx_float32", "onnx_int8"}
        read = [label for label in steps["onnx_float32"].labels if label != NETWORK.alphabet.blank]
        assert NETWORK.alphabet.text(read) == SYMBOLS
        assert min(steps["onnx_int8"].probabilities) == pytest.approx(0.9, abs=1e-3)
    content = (tmp_path / "golden" / "lines.json").read_bytes()
    assert golden_strings.pictures(content) == [entry.file for entry in golden]


def test_drawings_that_do_not_do_are_drawn_again(tmp_path: Path) -> None:
    """None, a blank picture and a misread one come before each that will do."""
    drawings = itertools.cycle(
        [
            None,
            (np.full((40, 200), 255, np.uint8), ""),
            (strip(TEXT), SYMBOLS.replace("7", "1")),
            (strip(TEXT), SYMBOLS),
        ]
    )
    assert {entry.text for entry in write(tmp_path, lambda number, rng: next(drawings)).fields} == {SYMBOLS}


def test_nothing_is_read_right(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="of 200 drawn lines none is read by every format"):
        write(tmp_path, lambda number, rng: (strip(TEXT), "12"))

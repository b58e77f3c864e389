"""Loads a folder of labeled checks, as `checkreader draw-checks` writes it.

FOLDER/labels.jsonl      an object a line: file, corners, boxes; with `places` those are taken instead of boxes
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError
from serving.images.perspective import Perspective

LABELS: Final = "labels.jsonl"
Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclasses.dataclass(frozen=True, eq=False)
class LabeledCheck:
    """A picture of a check and where its fields are.

    Attributes:
        file: the picture.
        corners: float64 [4, 2], x and y of the paper's top left, top right, bottom right, bottom left as it is to be read.
        places: each field's box, as shares of the flat check.
        boxes: each field's box in the picture's pixels.
        label: everything that the labels say of it.
    """

    file: Path
    corners: npt.NDArray[np.float64]
    places: Mapping[str, Box]
    boxes: Mapping[str, Box]
    label: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class LabeledChecks:
    """Labeled checks, in the order of their labels.

    Attributes:
        name: of the folder.
        checks: the checks.
        sha256: of the labels.
    """

    name: str
    checks: tuple[LabeledCheck, ...]
    sha256: str

    def __len__(self) -> int:
        return len(self.checks)

    def record(self) -> dict[str, Any]:
        """Describes the set for a run's record; it names no picture."""
        return {"name": self.name, "n": len(self.checks), "sha256": self.sha256}


def load(folder: Path) -> LabeledChecks:
    """Loads a folder.

    Raises:
        CheckreaderError: there are no labels, or a line is not as it should be or names a picture that is missing.
    """
    path = folder / LABELS
    try:
        content = path.read_bytes()
    except OSError:
        raise CheckreaderError(
            f"{path}: not found: labels are an object a line, as `checkreader draw-checks` writes them"
        ) from None
    checks = tuple(
        _check(folder, line, f"{path}, line {number}")
        for number, line in enumerate(content.splitlines(), 1)
        if line.strip()
    )
    if not checks:
        raise CheckreaderError(f"{path}: names no check")
    return LabeledChecks(folder.name, checks, hashlib.sha256(content).hexdigest())


def _check(folder: Path, line: bytes, where: str) -> LabeledCheck:
    try:
        label = json.loads(line)
        file = folder / label["file"]
        if not file.is_file():  # the pictures may lie in a folder of their own
            file = folder / "images" / label["file"]
        corners = np.array(label["corners"], np.float64).reshape(4, 2)
        boxes = {field: _box(box) for field, box in label["boxes"].items()}
        places = {field: _box(box) for field, box in label.get("places", {}).items()}
        if not np.isfinite(corners).all():
            raise ValueError
        places = places or _places(corners, boxes)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, np.linalg.LinAlgError):
        raise CheckreaderError(
            f"{where}: expected an object with file, corners (four of x, y) and boxes (left, top, right, bottom)"
        ) from None
    if not file.is_file():
        raise CheckreaderError(f"{where}: {folder / label['file']} is missing")
    return LabeledCheck(file, corners, places, boxes, label)


def _box(edges: Any) -> Box:
    left, top, right, bottom = (float(edge) for edge in edges)
    if not (left < right and top < bottom):
        raise ValueError
    return left, top, right, bottom


def _places(corners: npt.NDArray[np.float64], boxes: Mapping[str, Box]) -> dict[str, Box]:
    """Moves boxes of the picture onto the flat check."""
    perspective = Perspective.of(corners)
    size = np.array([perspective.width, perspective.height])
    places = {}
    for field, (left, top, right, bottom) in boxes.items():
        outline = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        shares = perspective.to_check(outline) / size
        (x0, y0), (x1, y1) = shares.min(0).tolist(), shares.max(0).tolist()
        places[field] = (x0, y0, x1, y1)
    return places

"""Shows the most confident mistakes on a set of labeled fields as pictures, for who named the set's folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipeline.data.labeled_fields import Labeled
from pipeline.evaluation.evaluated_sets import EvaluatedSet
from pipeline.records import Misread
from pipeline.report import image_grid
from pipeline.report.html import Block, Heading, Text, Thumbnails
from pipeline.report.image_grid import Thumbnail
from pipeline.run import Run
from serving.errors import CheckreaderError
from serving.images.codec import Gray
from serving.images.field import normalize_field

LARGEST = (400, 64)  # columns and rows of a field's picture


def shown(sets: Sequence[EvaluatedSet], labeled: Sequence[Labeled], run: Run) -> dict[str, Labeled]:
    """Returns the labeled fields to show, by the name of the evaluated set that they are.

    Raises:
        CheckreaderError: fields are none of the sets.
    """
    by_set = {}
    for fields in labeled:
        names = [entry.name for entry in sets if entry.data["sha256"] == fields.sha256]
        if not names:
            raise CheckreaderError(
                f"--pictures {fields.name}: {run.path} was not evaluated on these fields as they are now: run "
                f"`{run.command('evaluate')} --data FOLDER` with their folder first"
            )
        by_set.update(dict.fromkeys(names, fields))
    return by_set


def blocks(name: str, worst: Sequence[Misread], labeled: Labeled | None, run: Run) -> list[Block]:
    """Returns the part of a chapter: pictures, or the command that shows them.

    Args:
        name: of the chapter, a prefix of the picture's name.
        worst: of the set's record, the most confident mistake first.
        labeled: the set's fields; None: nobody asked for their pictures.
        run: the run, for the command.
    """
    if not worst:
        return []
    heading = Heading("The most confident mistakes")
    if labeled is None:
        return [
            heading,
            Text(
                "Fields are shown to who asks for them by name, with what is written on them: "
                f"`checkreader report --run {shlex.quote(run.path.name)} --pictures FOLDER` shows the {len(worst):,} most confident mistakes."
            ),
        ]
    place = {file: index for index, file in enumerate(labeled.files)}
    rows = [(_label(field), _tiles(field, labeled.picture(place[field.file]))) for field in worst]
    return [
        heading,
        Thumbnails(
            f"{name}-worst",
            rows,
            f"The {len(rows):,} most confident mistakes: the field as it was given and normalized, its label, what was read, and the "
            "confidence, or why it is never accepted.",
            180,
        ),
    ]


def _label(field: Misread) -> str:
    return f"{field.text} read as {field.read or 'nothing'}"


def _tiles(field: Misread, gray: Gray) -> list[Thumbnail]:
    picture = Image.fromarray(gray)
    picture.thumbnail(LARGEST)
    return [
        image_grid.ink(
            255 - np.asarray(picture),
            field.problem or f"{field.confidence:.2%}",
            f"A field labeled {field.text}",
        ),
        image_grid.ink(
            normalize_field(gray).pixels,
            "normalized",
            f"The same, normalized, read as {field.read or 'nothing'}",
        ),
    ]

"""Describes a review: what was not accepted of checks, with pictures of it, for a person to correct.

FOLDER/index.html      the page, by `serving.bulk.review_page`
FOLDER/review.json     a `Review`
FOLDER/crops/          each field in doubt as it was read, PNG
FOLDER/checks/         each check, JPEG
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from serving.errors import CheckreaderError
from serving.recognition.check import Decisive

FILE: Final = "review.json"
PAGE: Final = "index.html"
CROPS: Final = "crops"
CHECKS: Final = "checks"

# Left, top, width and height, as shares of the check.
Place: TypeAlias = tuple[float, float, float, float]


class FieldInDoubt(msgspec.Struct, frozen=True):
    """A field that a person has to look at.

    Attributes:
        key: names it within the review.
        name: which field it is.
        crop: its picture, a path within the review; None: it was not found.
        place: on the check.
        read: what is written there, as it was read; "" where nothing was.
        meaning: the amount, or the date in ISO form; None: it has none.
        confidence: of the reading.
        reason: why it is in doubt.
    """

    key: str
    name: Decisive
    crop: str | None
    place: Place | None
    read: str
    meaning: str | None
    confidence: float | None
    reason: str


class CheckInDoubt(msgspec.Struct, frozen=True, tag="check", tag_field="kind"):
    """A check that was not accepted.

    Attributes:
        file: the picture.
        page: of it, from 1.
        pages: how many it has.
        picture: of the check, a path within the review.
        words: the picture of the line of words; None: it was not found.
        fields: those in doubt.
    """

    file: str
    page: int
    pages: int
    picture: str
    words: str | None
    fields: list[FieldInDoubt]


class Unread(msgspec.Struct, frozen=True, tag="unread", tag_field="kind"):
    """A page, or a file as a whole, on which there is nothing to correct: it could not be read, or holds no field."""

    file: str
    page: int | None
    reason: str


class Review(msgspec.Struct, frozen=True):
    """What was not accepted of some checks.

    Attributes:
        id: the same for the same readings of the same files, and for no others.
        locale: how amounts are written; None = any.
        read: pages that were read.
        accepted: of these.
        checks: those that were not accepted and have a field in doubt.
        unread: all else that was not accepted.
    """

    id: str
    locale: str | None
    read: int
    accepted: int
    checks: list[CheckInDoubt]
    unread: list[Unread]

    @property
    def fields(self) -> list[tuple[CheckInDoubt, FieldInDoubt]]:
        """Every field in doubt with its check."""
        return [(check, field) for check in self.checks for field in check.fields]


def identify(checks: list[CheckInDoubt], unread: list[Unread]) -> str:
    """Returns the `id` of a review."""
    return hashlib.sha256(msgspec.json.encode((checks, unread))).hexdigest()[:16]


def load(folder: Path) -> Review:
    """Loads the review in a folder.

    Raises:
        CheckreaderError: there is none.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Review)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise CheckreaderError(
            f"{folder}: no review in it: name a folder that `checkreader read --as check --review` wrote"
        ) from None

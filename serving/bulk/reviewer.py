"""Makes the review of a finished bulk job: the checks that were not accepted are read once more, and cut out.

That takes the job's results alone, so that a job that was stopped and gone on with is reviewed as one of a piece.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image

from serving.bulk import review_page
from serving.bulk.folder import display_name, read_file
from serving.bulk.job import Job, Lines, Work, chunks, load_check_recognizer
from serving.bulk.lines import Row
from serving.bulk.results import rows
from serving.bulk.review import (
    CHECKS,
    CROPS,
    FILE,
    PAGE,
    CheckInDoubt,
    FieldInDoubt,
    Place,
    Review,
    Unread,
    identify,
)
from serving.decoding.amounts import interpret
from serving.errors import CheckreaderError
from serving.images.codec import Gray
from serving.images.pages import split
from serving.recognition.check import CheckAmount, CheckDate, CheckLine, CheckPrediction, doubts
from serving.recognition.check_crops import crop_check
from serving.recognition.check_format import CheckFormat
from serving.recognition.located_check import LocatedCheck, locate_pictures

_WIDTH: Final = 1_000  # columns of a check's picture at most
_QUALITY: Final = 80  # of its JPEG
_GONE: Final = "the picture is not there any more"

Engine = Callable[[Work, Iterator[list[str]]], Iterator[Lines]]


@dataclass(frozen=True)
class ReviewWork:
    """Cuts out what was not accepted of a job; it is sent to other processes.

    Attributes:
        job: of whole checks.
        folder: to write the pictures into.
        pages: by the name of each file in doubt, as the results have it, its pages in doubt.
    """

    job: Job
    folder: str
    pages: Mapping[str, Sequence[int]]

    def worker(self) -> ReviewWorker:
        """Makes what does it; raises CheckreaderError if a model cannot be used."""
        return ReviewWorker(self)

    def failure(self, file: str, reason: str) -> bytes:
        """Returns the line of a file that it failed on."""
        return msgspec.json.encode(Unread(display_name(file), None, reason))


class ReviewWorker:
    """Reads pages again, writes the pictures of what is in doubt, and describes it: a line for each page."""

    def __init__(self, work: ReviewWork) -> None:
        assert isinstance(work.job.field_format, CheckFormat)
        self._work = work
        self._expected = work.job.field_format
        self._recognizer = load_check_recognizer(work.job, self._expected)

    def __call__(self, files: Sequence[str]) -> Lines:
        return [b"\n".join(map(msgspec.json.encode, self._read(file))) for file in files]

    def _read(self, file: str) -> Iterator[CheckInDoubt | Unread]:
        name = display_name(file)
        try:
            pages = split(read_file(Path(self._work.job.folder, file)))
        except (CheckreaderError, OSError) as error:
            yield Unread(name, None, getattr(error, "strerror", None) or str(error))
            return
        for page in self._work.pages[name]:
            try:
                encoded = pages.page(page)
                (check,) = locate_pictures([encoded], self._recognizer.locate)
                (prediction,) = self._recognizer.read([check])
                yield self._describe(name, page, len(pages), encoded, check, prediction)
            except CheckreaderError as error:
                yield Unread(name, page, str(error))

    def _describe(
        self,
        file: str,
        page: int,
        pages: int,
        encoded: bytes,
        check: LocatedCheck,
        prediction: CheckPrediction,
    ) -> CheckInDoubt | Unread:
        """Writes the pictures of a check and describes its doubts; without a field that was found there are none."""
        reasons = doubts(prediction)
        if not any(name in check.boxes for name in reasons):
            return Unread(file, page, "; ".join(prediction.reasons))
        key = f"{hashlib.blake2b(file.encode(), digest_size=8).hexdigest()}-{page}"
        crops = crop_check(encoded, check)
        pictured = [name for name in (*reasons, "words") if name in crops.fields]
        paths = {name: f"{CROPS}/{key}-{name}.png" for name in pictured}
        for name, path in paths.items():
            self._write(path, _png(crops.fields[name]))
        picture = f"{CHECKS}/{key}.jpg"
        self._write(picture, _thumbnail(crops.flat))
        fields = [
            FieldInDoubt(
                f"{key}-{name}",
                name,
                paths.get(name),
                _place(check, name, crops.flat),
                *reading_to_correct(getattr(prediction.fields, name), self._expected.locale),
                reason,
            )
            for name, reason in reasons.items()
        ]
        return CheckInDoubt(file, page, pages, picture, paths.get("words"), fields)

    def _write(self, path: str, content: bytes) -> None:
        Path(self._work.folder, path).write_bytes(content)


def write(
    job: Job,
    results: Path,
    folder: Path,
    engine: Engine,
    progress: Callable[[Iterable[Lines], int], Iterable[Lines]],
) -> Review:
    """Writes the review of a job.

    Args:
        job: of whole checks.
        results: its finished file.
        folder: empty.
        engine: of `serving.bulk.local`.
        progress: passes lines on and shows the progress; its second argument is the number of files.

    Raises:
        CheckreaderError: a model cannot be used.
        OSError: a picture cannot be written.
    """
    assert isinstance(job.field_format, CheckFormat)
    outcomes = list(rows(results, job.form))
    pages: dict[str, list[int]] = {}
    for row in outcomes:
        if row.error is None and not row.accepted and row.page is not None:
            pages.setdefault(row.file, []).append(row.page)
    for name in (CROPS, CHECKS):
        (folder / name).mkdir()
    work = ReviewWork(job, str(folder), pages)
    files = [entry.name for entry in job.entries() if display_name(entry.name) in pages]
    checks: list[CheckInDoubt] = []
    unread = [_unreadable(row) for row in outcomes if row.error is not None]
    for lines in progress(engine(work, chunks(iter(files))), len(files)):
        for line in b"\n".join(lines).splitlines():
            outcome = msgspec.json.decode(line, type=CheckInDoubt | Unread)
            if isinstance(outcome, CheckInDoubt):
                checks.append(outcome)
            else:
                unread.append(outcome)
    unread += [Unread(file, None, _GONE) for file in pages.keys() - {display_name(file) for file in files}]
    unread.sort(key=lambda entry: (entry.file, entry.page or 0))
    count, accepted = sum(row.error is None for row in outcomes), sum(row.accepted for row in outcomes)
    review = Review(identify(checks, unread), job.field_format.locale, count, accepted, checks, unread)
    (folder / FILE).write_bytes(msgspec.json.encode(review))
    (folder / PAGE).write_text(review_page.render(review), encoding="utf-8")
    return review


def _unreadable(row: Row) -> Unread:
    return Unread(row.file, row.page, row.error or "")


def reading_to_correct(
    field: CheckAmount | CheckDate | CheckLine | None, locale: str | None
) -> tuple[str, str | None, float | None]:
    """Returns what a person is shown to correct, its meaning, and its confidence.

    An amount whose marks do not say what it means, as with raised cents, is shown with a sign before the cents.
    """
    if field is None:
        return "", None, None
    if isinstance(field, CheckLine):
        return field.text, None, field.confidence
    if isinstance(field, CheckDate):
        return field.raw, field.date, field.confidence
    written = [field.raw, *(field.amount.replace(".", sign) for sign in ".,")] if field.amount else []
    meant = (text for text in written if interpret(text, locale).amount == field.amount)
    return next(meant, field.raw), field.amount, field.confidence


def _place(check: LocatedCheck, name: str, flat: Gray) -> Place | None:
    """Returns where a field lies on the flat check; None: it was not found."""
    if name not in check.boxes:
        return None
    x, y, width, height = check.boxes[name]
    rows, columns = flat.shape
    left, top, across, down = (
        round(value, 4) for value in (x / columns, y / rows, width / columns, height / rows)
    )
    return left, top, across, down


def _png(pixels: Gray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def _thumbnail(pixels: Gray) -> bytes:
    content, picture = io.BytesIO(), Image.fromarray(pixels)
    picture.thumbnail((_WIDTH, _WIDTH))
    picture.save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()

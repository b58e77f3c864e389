"""What was not accepted of a folder of checks becomes a review."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.bulk import job as bulk
from serving.bulk import review as reviews
from serving.bulk import reviewer
from serving.bulk.job import Job, Lines, Work
from serving.bulk.review import Review
from serving.bulk.reviewer import reading_to_correct
from serving.images.check_paper import Paper
from serving.images.perspective import picture_corners
from serving.recognition import located_check
from serving.recognition.check import CheckAmount
from serving.recognition.check_format import CheckFormat
from serving.repository import check_models
from serving.repository.store import Repository
from tests.serving.bulk.test_job import plain
from tests.support.tiny import png, tiff
from tests.support.whole_checks import ENCODED, HEIGHT, WIDTH, check, layout_text

BLANK = Image.new("L", (WIDTH, HEIGHT), 255)


def here(work: Work, chunks: Iterator[list[str]]) -> Iterator[Lines]:
    """An engine without processes."""
    worker = work.worker()
    return (worker(chunk) for chunk in chunks)


@pytest.fixture(autouse=True)
def paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is the whole picture; of another size it is none."""

    def find_paper(pixels: np.ndarray) -> Paper:
        if pixels.shape != (HEIGHT, WIDTH):
            return Paper(None, "blank page")
        return Paper(picture_corners(pixels.shape), None)

    monkeypatch.setattr(located_check, "find_paper", find_paper)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good check, one whose amounts differ, a scan of three pages, and what is no picture."""
    root = tmp_path / "checks"
    (root / "deep").mkdir(parents=True)
    (root / "good.png").write_bytes(png(check()))
    (root / "deep" / "differs.png").write_bytes(png(check(line=ENCODED, written="4250.70")))
    pages = check(), check(written="12.5"), Image.new("L", (400, 200), 255)
    (root / "scan.tif").write_bytes(tiff(*pages))
    (root / "broken.png").write_bytes(b"no picture")
    return root


def job_of(folder: Path, models: Path, csv: bool = False, **known: str) -> Job:
    repository, expected = Repository.open(models), CheckFormat(layout=layout_text(line=ENCODED), **known)
    return bulk.check_job(str(folder), repository, check_models.choose(repository, expected), expected, csv)


def reviewed(job: Job, tmp_path: Path, name: str = "review") -> Review:
    """Runs a job and writes its review."""
    results, target = tmp_path / "results", tmp_path / name
    bulk.run(job, results, here, plain)
    target.mkdir()
    return reviewer.write(job, results, target, here, plain)


@pytest.mark.parametrize("csv", [False, True])
def test_what_was_not_accepted_is_in_it(folder: Path, micr_models: Path, tmp_path: Path, csv: bool) -> None:
    review = reviewed(job_of(folder, micr_models, csv, locale="us"), tmp_path)
    assert (review.locale, review.read, review.accepted) == ("us", 5, 2)
    places = [(entry.file, entry.page, entry.pages, field.name, field.read) for entry, field in review.fields]
    assert places == [
        ("scan.tif", 2, 3, "amount", "12.5"),
        ("deep/differs.png", 1, 1, "amount", "4250.70"),
        ("deep/differs.png", 1, 1, "micr", ENCODED),
    ]
    assert review.fields[0][1].reason.startswith("unclear amount")
    assert review.fields[1][1].reason.startswith("amounts differ")
    assert review.fields[1][1].meaning == "4250.70"
    assert [(entry.file, entry.page) for entry in review.unread] == [("broken.png", 1), ("scan.tif", 3)]
    assert review.unread[1].reason == "blank page"
    assert reviews.load(tmp_path / "review") == review
    assert (tmp_path / "review" / "index.html").stat().st_size > 1000


def test_pictures_are_those_of_the_fields(folder: Path, micr_models: Path, tmp_path: Path) -> None:
    review = reviewed(job_of(folder, micr_models), tmp_path)
    root = tmp_path / "review"
    named = {entry.picture for entry in review.checks} | {field.crop for _, field in review.fields}
    assert {path.relative_to(root).as_posix() for path in root.glob("c*/*")} == named
    for entry, field in review.fields:
        with Image.open(root / field.crop) as crop:
            width, height = field.place[2:]
            assert width * WIDTH < crop.width
            assert height * HEIGHT < crop.height
        with Image.open(root / entry.picture) as picture:
            assert picture.size == (1000, round(1000 * HEIGHT / WIDTH))


def test_a_review_covers_earlier_runs_and_says_what_is_gone(
    folder: Path, micr_models: Path, tmp_path: Path
) -> None:
    job = job_of(folder, micr_models)
    first = reviewed(job, tmp_path)
    again = reviewed(job, tmp_path, "again")
    assert again == first
    (folder / "scan.tif").unlink()
    later = reviewed(job, tmp_path, "later")
    assert {entry.file for entry in later.checks} == {"deep/differs.png"}
    assert [(entry.file, entry.reason) for entry in later.unread][1] == (
        "scan.tif",
        "the picture is not there any more",
    )
    assert later.id != first.id


def test_files_that_are_named(folder: Path, micr_models: Path, tmp_path: Path) -> None:
    job = replace(job_of(folder, micr_models), files=("scan.tif", str(folder / "good.png")))
    review = reviewed(job, tmp_path)
    assert (review.read, review.accepted) == (4, 2)
    assert [entry.file for entry in review.checks] == ["scan.tif"]


def test_a_check_without_any_field_has_nothing_to_correct(micr_models: Path, tmp_path: Path) -> None:
    """The back of a check."""
    root = tmp_path / "checks"
    root.mkdir()
    (root / "back.png").write_bytes(png(BLANK))
    review = reviewed(job_of(root, micr_models), tmp_path)
    assert [field.read for _, field in review.fields] == ["", "", ""]  # a layout has boxes all the same
    assert {field.name for _, field in review.fields} == {"amount", "date", "micr"}


@pytest.mark.parametrize(
    ("raw", "amount", "locale", "expected"),
    [
        ("64700", "647.00", None, "647.00"),
        ("64700", "647.00", "us", "647.00"),
        ("64700", "647.00", "es", "647,00"),
        ("647.00", "647.00", "us", "647.00"),
        ("1.250,5", None, "us", "1.250,5"),
    ],
)
def test_raised_cents_are_shown_with_a_sign(
    raw: str, amount: str | None, locale: str | None, expected: str
) -> None:
    """Else whoever takes the reading would make 64700 of 647.00."""
    verdict = {
        "confidence": 0.5,
        "accepted": False,
        "reason": "",
        "max_error": 0.01,
        "applied_max_error": None,
    }
    field = CheckAmount((0, 0, 1, 1), None, raw, raw, amount, **verdict, digits=[], alternatives=[])
    assert reading_to_correct(field, locale) == (expected, amount, 0.5)

"""A review of invented checks, without any model."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PIL import Image

from serving.bulk import review_page
from serving.bulk.review import FILE, PAGE, CheckInDoubt, FieldInDoubt, Review, Unread, identify
from tests.support.tiny import amount, png

NASTY = "</script><img src=x onerror=alert(1)> & 'a\".png"  # a file's name
PLACE = (0.6, 0.4, 0.3, 0.1)


def field(key: str, name: str, read: str, meaning: str | None = None, crop: bool = True) -> FieldInDoubt:
    """Returns a field in doubt; without `crop` it was not found."""
    path = f"crops/{key}.png" if crop else None
    return FieldInDoubt(key, name, path, PLACE if crop else None, read, meaning, 0.5, "unsure: <b>0.5</b>")


def check(number: int, file: str, *fields: FieldInDoubt, words: str | None = None) -> CheckInDoubt:
    """Returns a check with fields in doubt."""
    return CheckInDoubt(file, number, 3, f"checks/{number}.jpg", words, list(fields))


def review(locale: str | None = "us") -> Review:
    """Returns a review of three checks with five fields in doubt, and a page that holds no check."""
    checks = [
        check(
            1,
            NASTY,
            field("1-amount", "amount", "1,250.50", "1250.50"),
            field("1-date", "date", "24/11/2019"),
        ),
        check(2, "scan.tif", field("2-micr", "micr", "A021000021A 123C 0101"), words="crops/2-words.png"),
        check(
            3,
            "scan.tif",
            field("3-amount", "amount", "12", "12"),
            field("3-micr", "micr", "", crop=False),
            words="crops/3-words.png",
        ),
    ]
    unread = [Unread("<i>.png", None, "not a picture")]
    return Review(identify(checks, unread), locale, 5, 2, checks, unread)


def write_review(folder: Path, content: Review) -> Path:
    """Writes a review with its pictures, each crop another one."""
    for name in ("crops", "checks"):
        (folder / name).mkdir(parents=True)
    for index, (_, entry) in enumerate(content.fields):
        if entry.crop is not None:
            (folder / entry.crop).write_bytes(png(amount(str(index + 1))))
    for entry in content.checks:
        Image.new("L", (700, 310), 240).save(folder / entry.picture)
        if entry.words is not None:
            Image.new("L", (300, 30), 240).save(folder / entry.words)
    (folder / FILE).write_bytes(msgspec.json.encode(content))
    (folder / PAGE).write_text(review_page.render(content), encoding="utf-8")
    return folder

"""What a review says, and what is none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from serving.bulk import review as reviews
from serving.errors import CheckreaderError
from tests.support.reviews import review, write_review


def test_it_is_loaded_as_it_was_written(tmp_path: Path) -> None:
    content = review()
    assert reviews.load(write_review(tmp_path / "review", content)) == content
    assert [field.key for _, field in content.fields] == [
        "1-amount",
        "1-date",
        "2-micr",
        "3-amount",
        "3-micr",
    ]


def test_other_readings_are_another_review() -> None:
    content = review()
    assert reviews.identify(content.checks, content.unread) == content.id
    assert reviews.identify(content.checks[:2], content.unread) != content.id
    changed = msgspec.structs.replace(content.checks[0].fields[0], read="1,250.51")
    checks = [msgspec.structs.replace(content.checks[0], fields=[changed]), *content.checks[1:]]
    assert reviews.identify(checks, content.unread) != content.id


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_folder_without_a_review(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / reviews.FILE).write_bytes(content)
    with pytest.raises(CheckreaderError, match=r"no review in it: name a folder that .*--review"):
        reviews.load(tmp_path)

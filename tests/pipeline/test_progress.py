from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable

import pytest

from pipeline import progress


class Lines:
    """Takes the place of standard error; `wait` returns when a line satisfies a condition."""

    def __init__(self) -> None:
        self.text = ""
        self.written = threading.Condition()

    def write(self, text: str) -> None:
        with self.written:
            self.text += text
            self.written.notify_all()

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

    def wait(self, condition: Callable[[str], bool]) -> None:
        with self.written:
            assert self.written.wait_for(lambda: condition(self.text), timeout=30), self.text


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_the_latest_note_is_written_again_and_again(lines: Lines) -> None:
    with contextlib.redirect_stderr(lines), progress.shown("train", interval=0.001):
        lines.wait(lambda text: len(re.findall(r"train: \d+ s\n", text)) >= 2)
        progress.note("fold 2 of 5")
        lines.wait(lambda text: re.search(r"fold 2 of 5: \d+ s\n", text) is not None)


def test_nothing_is_written_after_the_end(lines: Lines) -> None:
    before = threading.active_count()
    with pytest.raises(KeyError), contextlib.redirect_stderr(lines), progress.shown("train", interval=0.001):
        raise KeyError
    assert threading.active_count() == before
    progress.note("nobody listens")
    assert "nobody" not in lines.text


def test_a_stage_that_is_quick_says_nothing(lines: Lines) -> None:
    with contextlib.redirect_stderr(lines), progress.shown("train", interval=3_600):
        pass
    assert lines.text == ""


def test_ten_seconds_are_never_silent() -> None:
    assert progress.INTERVAL < 10

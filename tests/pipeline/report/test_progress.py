"""Lines on standard error while a step lasts."""

from __future__ import annotations

import inspect
import threading

import pytest

from pipeline.report import progress


class Screen:
    """A standard error that tells when it has got some lines."""

    def __init__(self, lines: int) -> None:
        self.lines: list[str] = []
        self.full, self._wanted = threading.Event(), lines

    def write(self, text: str) -> None:
        self.lines.append(text)
        if len(self.lines) >= self._wanted:
            self.full.set()

    def flush(self) -> None:
        """Keeps nothing back."""


def test_a_step_that_lasts_is_named_again(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(4)
    monkeypatch.setattr("sys.stderr", screen)
    with progress.progress("report", 0.001) as step:
        step("chapter 1 of 5")
        assert screen.full.wait(60)
    assert all(line.startswith("report: ") for line in screen.lines)
    assert screen.lines.count("report: chapter 1 of 5, 0 s\n") >= 2


def test_each_step_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("report", 3600) as step:
        step("one")
        step("two")
    assert capsys.readouterr().err == "report: one, 0 s\nreport: two, 0 s\n"


def test_it_ends_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), progress.progress("report", 3600):
        raise ValueError("x")


def test_the_promise_of_ten_seconds() -> None:
    """What `make report` promises, with time for a line to come late."""
    assert inspect.signature(progress.progress).parameters["interval"].default <= 9

"""Counts what a bulk job read, for the last line on the screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from serving.bulk.folder import display_name
from serving.bulk.lines import Row

_NAMED: Final = 10  # unreadable files that a summary names
_PASSED_OVER: Final = 5  # and files that are no pictures
_REASONS: Final = 100  # kinds of reasons that it tells apart


@dataclass
class JobSummary:
    """The counts of one run.

    Attributes:
        skipped: files that were read before.
        read: pages that were read.
        accepted: of these.
        unreadable: pages, or files, that could not be read.
        errors: the first of them, each file with its error.
        passed_over: files that are no pictures.
        no_pictures: the names of the first of them.
        reasons: for each kind of reason not to accept, how many pages have it, and the reason where it is the same
            for all.
    """

    skipped: int = 0
    read: int = 0
    accepted: int = 0
    unreadable: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    passed_over: int = 0
    no_pictures: list[str] = field(default_factory=list)
    reasons: dict[str, tuple[int, str]] = field(default_factory=dict)

    def count(self, row: Row) -> None:
        """Counts a line of this run."""
        if row.error is not None:
            self.unreadable += 1
            if len(self.errors) < _NAMED:
                self.errors.append((row.file, row.error))
            return
        self.read += 1
        self.accepted += row.accepted
        kind = (row.reason or "").partition(":")[0]
        if row.reason and (kind in self.reasons or len(self.reasons) < _REASONS):
            count, reason = self.reasons.get(kind, (0, row.reason))
            self.reasons[kind] = count + 1, reason if reason == row.reason else kind

    def pass_over(self, file: str) -> None:
        """Counts a file that is no picture."""
        self.passed_over += 1
        if len(self.no_pictures) < _PASSED_OVER:
            self.no_pictures.append(display_name(file))

    @property
    def reason(self) -> str | None:
        """Why nothing was accepted, by most of the pages; None if something was, or nothing read."""
        if self.accepted or not self.reasons:
            return None
        count, reason = max(self.reasons.values(), key=lambda entry: entry[0])
        return reason if count == self.read else f"{reason} ({count:,} of {self.read:,})"

"""Certifies error bounds on one set of readings, against which others may speak.

For each bound a walk goes down the readings, surest first, in steps that are fixed beforehand: it begins where just
enough are accepted for the bound to hold without an error (299 for 1 %), and each step accepts `STEP` more. A step
passes if the upper end of the set's one-sided 95 % Clopper–Pearson interval of the error keeps the bound, and if no
other set contradicts: at the same threshold its errors are not so many that chance would explain them in less than 5 %
of cases. Where readings come in groups, as pictures of one check do, a group is accepted with its surest reading, is wrong
if any accepted reading of it is, and counts once. The walk ends at the first step that does not pass. The last that passed is certified; since the sequence is
fixed, no correction for choosing among its steps is due (Maurer, Hothorn, Lehmacher: Multiple comparisons in drug
clinical trials and preclinical assays, a-priori ordered hypotheses, 1995).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from pipeline.metrics.calibration import (
    CONFIDENCE,
    Flags,
    Floats,
    accepted_needed,
    interval,
    upper_bound,
)
from serving.decoding.thresholds import distinct
from serving.manifest import Threshold

STEP: Final = 10  # more readings are accepted at each step


@dataclass(frozen=True, eq=False)
class Scored:
    """A set of readings.

    Attributes:
        name: the set's.
        score: float [N], 0 for readings that are never accepted.
        wrong: bool [N].
    """

    name: str
    score: Floats
    wrong: Flags

    def counts(self, threshold: float) -> tuple[int, int]:
        """Counts the errors among those that a threshold accepts, and these."""
        accepted = self.accepted(threshold)
        return int(self.wrong[accepted].sum()), int(accepted.sum())

    def accepted(self, threshold: float) -> Flags:
        """Returns which readings a threshold accepts; bool [N]."""
        return (self.score >= threshold) & (self.score > 0)


@dataclass(frozen=True, eq=False)
class ScoredGroups:
    """A set of readings that count by groups.

    Attributes:
        name: the set's.
        readings: N of them.
        groups: int [N], the group of each, from 0 to G − 1.
    """

    name: str
    readings: Scored
    groups: npt.NDArray[np.intp]

    @functools.cached_property
    def score(self) -> Floats:
        """The score from which each group is accepted; float [G]."""
        best = np.zeros(int(self.groups.max(initial=-1)) + 1)
        np.maximum.at(best, self.groups, self.readings.score)
        return best

    def counts(self, threshold: float) -> tuple[int, int]:
        """Counts the wrong groups among those that a threshold accepts, and these."""
        accepted = self.readings.accepted(threshold)
        wrong = np.unique(self.groups[accepted & self.readings.wrong])
        return len(wrong), len(np.unique(self.groups[accepted]))


ScoredSet: TypeAlias = Scored | ScoredGroups


@dataclass(frozen=True)
class Step:
    """One step of a walk: its threshold, and why it does not pass; None = it passes."""

    threshold: float
    failure: str | None


def walk(certifying: ScoredSet, others: Sequence[ScoredSet], rate: float, minimum: float) -> Iterator[Step]:
    """Yields the steps of a bound's walk; none is there where too few readings reach the minimum.

    Args:
        certifying: the set whose interval counts.
        others: sets that may contradict.
        rate: the error bound.
        minimum: no threshold is smaller.
    """
    ordered = np.sort(certifying.score)[::-1]
    for count in range(accepted_needed(rate), len(ordered) + 1, STEP):
        threshold = float(ordered[count - 1])
        if threshold < minimum:
            return
        yield Step(threshold, _failure(certifying, others, rate, threshold))


def _failure(certifying: ScoredSet, others: Sequence[ScoredSet], rate: float, threshold: float) -> str | None:
    errors, count = certifying.counts(threshold)
    bound = float(upper_bound(np.array([errors]), np.array([count]))[0])
    if bound > rate:
        return f"{errors} of the surest {count} are wrong: at 95 % confidence an error of up to {bound:.4f}"
    for other in others:
        errors, count = other.counts(threshold)
        if errors and binom.sf(errors - 1, count, rate) <= 1 - CONFIDENCE:
            return (
                f"{other.name} contradicts: {errors} of the {count} that the same threshold accepts are wrong"
            )
    return None


def thresholds(
    certifying: ScoredSet, others: Sequence[ScoredSet], rates: Sequence[float], minimum: float
) -> tuple[Threshold, ...]:
    """Finds the certified threshold of each bound that has one; equal ones are listed once, for the smallest bound.

    The arguments are those of `walk`, for several bounds.
    """
    certified = []
    for rate in rates:
        passed = None
        for step in walk(certifying, others, rate, minimum):
            if step.failure:
                break
            passed = step.threshold
        if passed is not None:
            errors, count = certifying.counts(passed)
            share, size = errors / count, len(certifying.score)
            certified.append(Threshold(rate, passed, share, *interval(errors, count), count / size, size))
    return distinct(certified)

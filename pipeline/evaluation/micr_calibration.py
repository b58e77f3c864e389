"""Calibrates a line's probability to a confidence, and certifies the thresholds from which MICR lines are accepted.

- Confidence: Platt's curve, as for fields (`field_calibration`). All counts are out of fold: each line gets its confidence
  from a curve that was fitted without its group.
- Thresholds: the walk of `pipeline.metrics.certification` over groups, pictures of one check, of which each counts once
  and is wrong if any line of it that the service accepts is: one that fits a country's layout and its check digit and has
  no doubt. What the confidence alone would accept, parts of lines too, is counted beside.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np

from pipeline.data import labeled_lines
from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import field_calibration
from pipeline.evaluation.cross_validation import FOLDS
from pipeline.evaluation.field_calibration import MIN_THRESHOLD, SetCount
from pipeline.evaluation.micr_readings import LineReading
from pipeline.metrics import certification
from pipeline.metrics.calibration import ERROR_RATES, Flags, Floats
from pipeline.metrics.certification import Scored, ScoredGroups
from serving.errors import CheckreaderError
from serving.manifest import Confidence, Threshold

_NOUN: Final = "group"
_REACH: Final = "have a line that the service may accept"


@dataclasses.dataclass(frozen=True)
class MicrCalibration:
    """The result of `fit`.

    Attributes:
        confidence: the calibration's parameters.
        thresholds: certified; their shares are those of groups.
        refusals: why other error rates have no threshold, one line each.
        sets: what the thresholds accept of lines and of groups, by confidence alone and by the service.
        measured: thresholds that are not certified, by the lines that are wrong among those accepted by confidence.
    """

    confidence: Confidence
    thresholds: tuple[Threshold, ...]
    refusals: tuple[str, ...]
    sets: tuple[SetCount, ...]
    measured: tuple[Threshold, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredLines:
    """Readings by lines and by groups: all that confidence alone would accept, and those that the service would."""

    lines: Scored
    groups: ScoredGroups
    served_lines: Scored
    served_groups: ScoredGroups

    def count(self, thresholds: Sequence[Threshold]) -> tuple[SetCount, ...]:
        """Counts what thresholds accept."""
        sets = (self.lines, self.groups, self.served_lines, self.served_groups)
        return tuple(
            field_calibration.count_accepted(scored, entry) for scored in sets for entry in thresholds
        )


def score(
    labeled: LabeledLines, readings: Sequence[LineReading], right: Flags, confidence: Sequence[float] | Floats
) -> ScoredLines:
    """Scores readings by their confidences; `right` says which are, bool [N]."""
    values = np.array(confidence, float)
    groups = np.unique(labeled.groups, return_inverse=True)[1]
    lines, served = (
        Scored(name, np.where([reason is None for reason in reasons], values, 0.0), ~right)
        for name, reasons in (
            ("lines", [reading.problem for reading in readings]),
            ("lines, by the service", [reading.refusal for reading in readings]),
        )
    )
    return ScoredLines(
        lines,
        ScoredGroups("groups", lines, groups),
        served,
        ScoredGroups("groups, by the service", served, groups),
    )


def out_of_fold(
    labeled: LabeledLines, readings: Sequence[LineReading], right: Flags, seed: int
) -> list[float]:
    """Returns each line's confidence by the curve that was fitted to the groups of the other folds."""
    return field_calibration.out_of_fold(readings, right, labeled_lines.folds(labeled, FOLDS, seed))


def fit(
    labeled: LabeledLines, readings: Sequence[LineReading], right: Flags, seed: int = 0
) -> MicrCalibration:
    """Fits confidence and thresholds.

    Args:
        labeled: development lines, which the network was not trained on.
        readings: of these.
        right: bool [N], which of them are right.
        seed: of the folds.

    Raises:
        CheckreaderError: nothing was read, or there are fewer groups than folds.
    """
    if all(reading.problem is not None for reading in readings):
        raise CheckreaderError(
            f"{labeled.name}: none of the {len(readings)} labeled lines could be read: check that the pictures show "
            "one line of E-13B each"
        )
    confidence = field_calibration.platt(readings, right)
    scored = score(labeled, readings, right, out_of_fold(labeled, readings, right, seed))
    certifying = scored.served_groups
    thresholds = certification.thresholds(certifying, (), ERROR_RATES, MIN_THRESHOLD)
    return MicrCalibration(
        confidence,
        thresholds,
        field_calibration.refusals(certifying, (), thresholds, MIN_THRESHOLD, _NOUN, _REACH),
        scored.count(thresholds),
        field_calibration.uncertified_thresholds(scored.lines.score, scored.lines.wrong, 0.0),
    )

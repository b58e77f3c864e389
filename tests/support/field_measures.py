"""Made-up measures of a field model, as `evaluate` records them."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.evaluation.evaluated_sets import EvaluatedSet
from pipeline.records import FieldMeasures

POINT = {"max_error": 0.02, "threshold": 0.9588, "accepted": 0.5, "error": 0.05, "low": 0.01, "high": 0.1}
MISREAD = {"file": "0.png", "text": "4711", "read": "4717", "confidence": 0.9, "problem": None}


def share(value: float, n: int = 40, **more: Any) -> dict[str, Any]:
    return {"value": value, "low": value / 2, "high": min(1.0, value * 1.1), "n": n, **more}


def measures(**changes: Any) -> FieldMeasures:
    """Returns measures of 40 fields."""
    confusion = [[9 if row == column else 0 for column in range(11)] for row in range(10)]
    confusion[4][9], confusion[1][10] = 3, 2
    content = {
        "data": {"name": "bank", "marks": ".,"},
        "n": 40,
        "exact": share(0.875),
        "digit_error_rate": {
            "value": 0.06,
            "errors": 6,
            "digits": 95,
            "substituted": 3,
            "missed": 2,
            "inserted": 1,
        },
        "confusion": confusion,
        "inserted": [0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
        "by_length": [share(0.9, 30, length=2), share(0.8, 10, length=3)],
        "by_touching": {"touching": share(0.5, 10), "unknown": share(1.0, 30)},
        "error_reject": [{"rejected": 0.0, "error": 0.125}, {"rejected": 0.5, "error": 0.0}],
        "calibration_error": {"before": 0.078, "after": 0.0396},
        "reliability": [{"confidence": 0.95, "accuracy": 0.9, "low": 0.7, "high": 0.99, "n": 36}],
        "thresholds": [POINT],
        "measured": [{**POINT, "accepted": 0.55}],
        "nonfields": {"n": 1000, "accepted": 7, "threshold": 0.9588, "highest": {"scribble": 0.4505}},
        "worst": [MISREAD],
    }
    return msgspec.convert({**content, **changes}, FieldMeasures)


def evaluated(name: str = "bank", **changes: Any) -> EvaluatedSet:
    """Returns a set on which both models were measured."""
    measured = {model: measures(**changes) for model in ("lenet5-field", "lenet5-field-int8")}
    data = {"name": name, "sha256": {"labels.csv": name}}
    return EvaluatedSet(data=data, families=measured, difference=-0.0125, trained_on=False, basis={})

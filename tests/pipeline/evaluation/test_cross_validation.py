import json
import statistics

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pipeline.data.labeled_fields import folds
from pipeline.evaluation import cross_validation
from pipeline.evaluation.cross_validation import mean, pooled, report
from pipeline.evaluation.field_calibration import ReadSet, fit, out_of_fold
from pipeline.evaluation.field_readings import correct
from serving.errors import CheckreaderError
from tests.support.field_readings import fields, raw

LABELED = fields([str(i % 10) for i in range(203)])
PARTS = folds(LABELED, 5, 1)


def readings() -> list:
    rng = np.random.default_rng(0)
    good = rng.random(len(LABELED)) < 0.8
    return [
        raw(text if right else "00", float(rng.uniform(0.6, 1.0) if right else rng.uniform(0, 0.8)))
        for text, right in zip(LABELED.texts, good, strict=True)
    ]


def test_pooled_is_in_the_order_of_the_fields() -> None:
    whole = readings()
    assert pooled(PARTS, [[whole[i] for i in part] for part in PARTS], len(whole)) == whole


def test_every_field_once() -> None:
    one = [raw("1")]
    with pytest.raises(CheckreaderError, match="do not hold each of 2 fields once"):
        pooled([np.array([0]), np.array([0])], [one, one], 2)
    with pytest.raises(CheckreaderError, match="do not hold each of 2 fields once"):
        pooled([np.array([0]), np.array([0, 1])], [one, one * 2], 2)
    with pytest.raises(CheckreaderError, match="do not hold each of 3 fields once"):
        pooled([np.array([0]), np.array([1])], [one, one], 3)


def test_report() -> None:
    whole = readings()
    found = report(LABELED, PARTS, [[whole[i] for i in part] for part in PARTS], 1)
    right = correct(whole, LABELED)
    assert [fold["n"] for fold in found["folds"]] == [len(part) for part in PARTS]
    assert [fold["value"] for fold in found["folds"]] == pytest.approx([right[part].mean() for part in PARTS])
    assert found["mean"]["value"] == pytest.approx(statistics.fmean(right[part].mean() for part in PARTS))
    assert found["pooled"]["exact"]["value"] == pytest.approx(right.mean())
    assert (found["pooled"]["confidence"], found["pooled"]["seed"]) == ("out-of-fold", 1)
    confidence = out_of_fold(whole, right, PARTS)
    worst = found["pooled"]["worst"][0]
    assert worst["confidence"] == max(c for c, good in zip(confidence, right, strict=True) if not good)
    calibration = fit(ReadSet("own", whole, right), PARTS)
    assert found["calibration"]["confidence"]["scale"] == calibration.confidence.scale
    assert found["calibration"]["refusals"] == calibration.refusals
    json.dumps(found, allow_nan=False)
    lines = cross_validation.format_report(found).splitlines()
    assert lines[0].startswith(f"5-fold cross-validation: {found['mean']['value']:.2%} of strings exact (")
    assert any(line.startswith("  no threshold for max_error 0.005: needs at least 598") for line in lines)


def test_mean_has_students_interval() -> None:
    values = [0.91, 0.93, 0.90, 0.95, 0.92]
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    found = mean(values)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    assert (found["value"], found["folds"]) == (pytest.approx(0.922), 5)
    assert mean([1.0, 0.2])["high"] == 1.0
    assert mean([1.0, 0.2])["low"] == 0.0

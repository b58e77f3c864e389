"""The tiny run with every stage done, and its report, once for all tests of the report."""

from __future__ import annotations

import warnings

import pytest

from pipeline.data.digits import Dataset
from pipeline.evaluation import benchmark, digit
from pipeline.export.formats import get
from pipeline.run import Run
from pipeline.synthesis import nondigits
from pipeline.verification import verify
from tests.support import tiny_run
from tests.support.tiny_report import BUDGET, VARIANTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras, of its own use of NumPy
    from pipeline.report import chapter5_failures, receptive_patches, report
    from pipeline.report.run_data import RunData


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Run:
    """A copy of the tiny run with every stage done that a report needs."""
    run = tiny_run.copied(tmp_path_factory.mktemp("report"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow, of its own future
        verify.verify(run, digits.test.images[:60])
        digit.evaluate(run, digits.test, digits.name, {}, 2 * len(nondigits.KINDS), corrupted=10)
        formats = [get(name) for name in ("onnx_float32", "onnx_int8", "tflite_float32")]
        benchmark.benchmark(run, digits.validation.images, formats, rounds=1, seconds=0.01)
    return run


@pytest.fixture(scope="session")
def reported(finished: Run, digits: Dataset) -> dict:
    patch = pytest.MonkeyPatch()
    patch.setattr(receptive_patches, "STEPS", 5)
    patch.setattr(chapter5_failures, "SUBSET", 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras, of its own use of TensorFlow
        record = report.report(finished, digits, BUDGET, VARIANTS)
    patch.undo()
    return record


@pytest.fixture(scope="session")
def run_data(finished: Run, digits: Dataset) -> RunData:
    """The run, without networks to compare."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RunData.of(finished, digits, {})


@pytest.fixture(scope="session")
def html(finished: Run, reported: dict) -> str:
    return (finished / "report" / "index.html").read_text()

from __future__ import annotations

import pytest

from pipeline.data.digits import Dataset
from pipeline.export.formats import FOLDER, get
from pipeline.run import Run
from tests.support import tiny_run


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return tiny_run.digits()


@pytest.fixture(scope="session")
def trained() -> Run:
    return tiny_run.trained()


@pytest.fixture(scope="session")
def quantized() -> Run:
    return tiny_run.quantized()


@pytest.fixture(scope="session")
def exported() -> Run:
    return tiny_run.exported()


@pytest.fixture(scope="session")
def pooled() -> Run:
    """The exported run of a network with max pooling, which does not fold."""
    return tiny_run.pooled()


@pytest.fixture(scope="session")
def integers(exported: Run) -> bytes:
    """The int8 `.tflite`."""
    return (exported / FOLDER / get("tflite_int8").file).read_bytes()

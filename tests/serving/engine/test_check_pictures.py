"""Whole checks by the engine: which models read, in how many batches, and what is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.app import App
from serving.engine.check_pictures import choose_models, named_models, read_checks
from serving.errors import CheckreaderError, Unknown
from serving.recognition.check_format import CheckFormat
from tests.conftest import Client
from tests.support.service import running
from tests.support.tiny import png
from tests.support.whole_checks import AMOUNT, check, layout_text

LAYOUT = CheckFormat(layout=layout_text())


@pytest.fixture
def service(micr_models: Path):
    with running(micr_models) as app_and_client:
        yield app_and_client


def test_the_first_of_each_task_reads(service: tuple[App, Client]) -> None:
    app, _ = service
    served = choose_models(app.plane.models, LAYOUT)
    assert [model.name for model in served.all] == ["lenet5-field", "lenet5-micr"]
    assert served.locate is None
    models = named_models(served, 0.05)
    assert [entry.name for entry in models.all] == ["lenet5-field", "lenet5-micr"]
    assert models.point.max_error == 0.1
    with pytest.raises(CheckreaderError, match="max_error must be"):
        named_models(served, 0.0)


def test_one_that_is_missing_is_named(service: tuple[App, Client]) -> None:
    models = service[0].plane.models
    with pytest.raises(Unknown, match="finds the fields of checks is served: name their places by layout"):
        choose_models(models, CheckFormat())
    without = {name: served for name, served in models.items() if name != "lenet5-field"}
    with pytest.raises(Unknown, match="no model that reads fields is served: start"):
        choose_models(without, LAYOUT)


def test_fields_of_one_kind_share_a_batch(service: tuple[App, Client]) -> None:
    """Amount, date and number of two checks are read by one network: two images of one width are one run."""
    app, client = service
    pictures = [png(check()), png(check())]
    read = client.runner.run(read_checks(app.plane, pictures, None, LAYOUT))
    assert [prediction.fields.amount.amount for prediction in read[1]] == [AMOUNT, AMOUNT]
    statistics = app.plane.models["lenet5-micr"].statistics
    assert sum(statistics.batches) == 2  # rows: one run of two
    assert statistics.success.count == 1
    assert statistics.accepted == 2
    fields = app.plane.models["lenet5-field"].statistics
    assert fields.success.count == 1
    assert fields.accepted == 6


def test_failures_are_counted(service: tuple[App, Client]) -> None:
    app, client = service
    with pytest.raises(CheckreaderError, match="not a picture"):
        client.runner.run(read_checks(app.plane, [b"none"], None, LAYOUT))
    for name in ("lenet5-field", "lenet5-micr"):
        statistics = app.plane.models[name].statistics
        assert (statistics.fail.count, statistics.success.count) == (1, 0)

"""The data plane by itself; what it refuses is tested where it is posted, in tests/hostile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from serving.engine.batcher import Batcher
from serving.engine.dataplane import DataPlane
from serving.engine.offload import Offloader
from serving.engine.served_model import ServedModel, load_model, load_models
from serving.engine.statistics import Counts
from serving.engine.tensors import Tensor
from serving.errors import Busy, CheckreaderError, TooLarge, Unknown
from serving.images.crop import PageLimit
from serving.repository.store import Repository
from serving.settings import Settings
from tests.support.tiny import amount, png, seven, tiff

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)
T = TypeVar("T")


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def run(runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, T]], T]:
    return runner.run


@pytest.fixture(scope="module")
def plane(models: Path) -> DataPlane:
    repository = Repository.open(models)
    settings = Settings(max_rows=4, max_pictures=3)
    load = partial(load_model, repository, Counts(), settings)
    return DataPlane(load_models(repository, settings, load).models, "lenet5", settings)


@pytest.fixture
def served(plane: DataPlane) -> ServedModel:
    return plane.find("lenet5")


def floats(pixels: np.ndarray) -> Tensor:
    return Tensor("image", "FP32", pixels.astype(np.float32) / np.float32(255))


def pictures(*encoded: bytes) -> np.ndarray:
    array = np.empty(len(encoded), object)
    array[:] = encoded
    return array


def test_outputs_in_the_order_asked_for(plane: DataPlane, run) -> None:
    image = Tensor("image", "UINT8", PIXELS)
    features = plane.find("lenet5-features")
    every = run(plane.infer(features, [image]))
    assert [output.name for output in every] == ["probabilities", "logits"]
    turned = run(plane.infer(features, [image], ["logits", "probabilities"]))
    assert [output.name for output in turned] == ["logits", "probabilities"]
    assert (turned[1].data == every[0].data).all()


def test_pixels_as_floats_or_integers(plane: DataPlane, served: ServedModel, run) -> None:
    (one,), (two,) = (
        run(plane.infer(served, [t])) for t in (floats(PIXELS), Tensor("image", "UINT8", PIXELS))
    )
    assert (one.data == two.data).all()


def test_noncontiguous_input(plane: DataPlane, served: ServedModel, run) -> None:
    image = np.random.default_rng(0).random((1, 28, 28, 1), np.float32)
    turned = Tensor("image", "FP32", np.ascontiguousarray(image.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3))
    (ours,), (plain,) = (run(plane.infer(served, [t])) for t in (turned, Tensor("image", "FP32", image)))
    assert (ours.data == plain.data).all()


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_encoded_pictures(plane: DataPlane, served: ServedModel, run, shape: tuple[int, ...]) -> None:
    encoded = [png(seven(size)) for size in (30, 60)]
    given = Tensor("image", "BYTES", pictures(*encoded).reshape(shape))
    (output,) = run(plane.infer(served, [given]))
    *_, readings = run(plane.read_digits(encoded))
    assert output.data.max(axis=1).tolist() == pytest.approx([reading.confidence for reading in readings])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pictures(b"no"), "not a picture"),
        (pictures(png(seven()), b"no"), "picture 2 of 2: not a picture"),
        (pictures(*[b"x"] * 4), "must be 1 to 3, got 4"),
        (pictures(b"x").reshape(1, 1, 1), r"Expected \[N\] or \[N,1\], got \[1,1,1\]"),
    ],
)
def test_encoded_pictures_that_cannot_be_read(
    plane: DataPlane, served: ServedModel, run, data: np.ndarray, message: str
) -> None:
    with pytest.raises(CheckreaderError, match=message):
        run(plane.infer(served, [Tensor("image", "BYTES", data)]))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "holds NaN"),
        (1.0000001, "divide 8-bit pixels by 255"),
        (255, "spans 0 to 255"),
        (-0.001, "spans -0.001 to"),
        (np.inf, "spans 0 to inf"),
        (-np.inf, "spans -inf to 0"),
    ],
)
def test_values_out_of_range(plane: DataPlane, served: ServedModel, run, value: float, message: str) -> None:
    image = np.zeros((1, 28, 28, 1), np.float32)
    image[0, 5, 5] = value
    with pytest.raises(CheckreaderError, match=message):
        run(plane.infer(served, [Tensor("image", "FP32", image)]))


def test_negative_zero_is_paper(plane: DataPlane, served: ServedModel, run) -> None:
    (ours,), (zero,) = (
        run(plane.infer(served, [Tensor("image", "FP32", np.full((1, 28, 28, 1), value, np.float32))]))
        for value in (-0.0, 0.0)
    )
    assert (ours.data == zero.data).all()


def test_batch_reads_as_one_by_one(plane: DataPlane, run) -> None:
    pictures = [png(seven(size)) for size in (30, 60, 90)]
    *_, together = run(plane.read_digits(pictures))
    alone = [run(plane.read_digits([picture]))[-1][0] for picture in pictures]
    assert [one.digit for one in together] == [one.digit for one in alone]
    assert [one.confidence for one in together] == pytest.approx([one.confidence for one in alone], abs=1e-6)


@pytest.mark.parametrize(
    ("max_error", "bounds"),
    [(None, (0.01, 0.01)), (0.05, (0.05, 0.01)), (0.1, (0.1, 0.1)), (1e-9, (1e-9, None))],
)
def test_the_wanted_and_the_applied_bound_are_said(
    plane: DataPlane, run, max_error: float | None, bounds: tuple[float, float | None]
) -> None:
    for reading in (
        plane.read_digits([png(seven())], max_error=max_error),
        plane.read_fields([png(amount("12.50"))], max_error=max_error),
    ):
        _, point, (prediction,) = run(reading)
        assert (point.max_error, point.applied_max_error) == bounds
        if bounds[1] is None:
            assert not prediction.accepted
            assert prediction.reason == (
                "nothing is accepted: this model certifies max_error 0.001, 0.01 and 0.1, none as low as 1e-09"
            )


def test_pages_are_rows(plane: DataPlane, served: ServedModel, run) -> None:
    rows, fields = served.statistics.rows, plane.find("lenet5-field").statistics.success.count
    scan = tiff(seven(30), seven(60))
    *_, readings = run(plane.read_digits([scan, png(seven(90))]))
    assert [reading.page for reading in readings] == [1, 2, 1]
    assert served.statistics.rows == rows + 3
    *_, readings = run(plane.read_fields([tiff(amount("12.50"), amount("4258"))]))
    assert [(reading.page, reading.text) for reading in readings] == [(1, "1250"), (2, "4258")]
    assert plane.find("lenet5-field").statistics.success.count == fields + 1


@pytest.mark.parametrize("read", ["read_digits", "read_fields"])
def test_limits_count_pages(plane: DataPlane, run, monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    with pytest.raises(CheckreaderError, match="too many pictures: 4 pages, at most 3"):
        run(getattr(plane, read)([tiff(seven(), seven())] * 2))
    monkeypatch.setattr(plane, "page_limit", PageLimit(3, 3000))
    with pytest.raises(TooLarge, match="page 2 of 2: pages too large: at most 3,000 pixels are read"):
        run(getattr(plane, read)([tiff(seven(40), seven(40))]))


def test_a_row_of_a_tensor_is_a_picture_of_one_page(plane: DataPlane, served: ServedModel, run) -> None:
    with pytest.raises(CheckreaderError, match="the picture for model 'lenet5' has 2 pages"):
        run(plane.infer(served, [Tensor("image", "BYTES", pictures(tiff(seven(), seven())))]))


def test_unknown(plane: DataPlane, run) -> None:
    with pytest.raises(Unknown, match="unknown model 'x'; there are lenet5, lenet5-features"):
        run(plane.read_digits([], model="x"))
    with pytest.raises(Unknown, match="no version '2'"):
        plane.find("lenet5", "2")


def test_offloaded_work_is_bounded(models: Path, run) -> None:
    plane = DataPlane({}, "lenet5", Settings(), offloader=Offloader(1, queue=0))
    with pytest.raises(Busy, match="waiting to be decoded"):
        run(plane.offload(bool))


def test_fields_of_many_requests_at_once(plane: DataPlane, run) -> None:
    pictures = [png(amount(text)) for text in ("12.50", "4258", "1.250", "80")]

    async def work() -> list[Any]:
        together = [plane.read_fields(pictures[:size]) for size in (1, 2, 3)]
        return [readings for *_, readings in await asyncio.gather(*together)]

    *_, alone = run(plane.read_fields(pictures[:3]))
    assert run(work()) == [alone[:1], alone[:2], alone]
    assert [one.text for one in alone] == ["1250", "4258", "1250"]


def test_fields_are_counted(plane: DataPlane, run) -> None:
    counted = plane.find("lenet5-field").statistics
    rows, success, fail = counted.rows, counted.success.count, counted.fail.count
    blank = png(seven(ink=255, paper=255))
    run(plane.read_fields([png(amount("12.50")), blank, png(amount("4250.75"))]))
    with pytest.raises(CheckreaderError, match="not a picture"):
        run(plane.read_fields([b"no picture"]))
    assert (counted.rows, counted.success.count, counted.fail.count) == (
        rows + 4,
        success + 1,
        fail + 1,
    )  # two looks


def test_no_model_that_reads_fields(models: Path, run) -> None:
    entry = Repository.open(models).model("lenet5")
    model = load_model(Repository.open(models), Counts(), Settings(), "lenet5", entry)
    plane = DataPlane({"lenet5": model}, "lenet5", Settings())
    with pytest.raises(Unknown, match="no model that reads fields is served"):
        run(plane.read_fields([png(amount())]))


def test_a_small_picture_is_decoded_in_the_loop_and_a_large_one_off_it(
    plane: DataPlane, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    offload = plane.offload

    async def counted(work, begun_before: bool = False):
        begun.append(1)
        return await offload(work, begun_before)

    monkeypatch.setattr(plane, "offload", counted)
    for picture, expected in (
        ([png(seven(40))], 0),
        ([png(seven(180))], 0),
        ([png(seven(182))], 1),
        ([png(seven(40))] * 2, 1),
        ([png(seven(40)) + bytes(2**15)], 1),
    ):
        begun.clear()
        run(plane.read_digits(picture, "lenet5"))
        assert len(begun) == expected
        assert plane.reads_at_once(picture, "lenet5") == (expected == 0)
    assert not plane.reads_at_once([png(seven(40))], "nonsense")
    monkeypatch.setattr(Batcher, "busy", True)
    assert not plane.reads_at_once([png(seven(40))], "lenet5")
    with pytest.raises(CheckreaderError, match="not a picture"):
        run(plane.read_digits([b"no picture"], "lenet5"))

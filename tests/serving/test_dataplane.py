"""The data plane by itself; what it refuses is tested where it is posted, in tests/hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from serving.dataplane import DataPlane, Tensor, Unknown
from serving.errors import CheckdigitError
from serving.repository import Repository
from tests.tiny import png, seven


@pytest.fixture(scope="module")
def plane(models: Path) -> DataPlane:
    repository = Repository.open(models)
    loaded = {name: repository.load(name) for name in repository.manifest.models}
    return DataPlane(loaded, "lenet5", max_rows=4)


def test_outputs_in_the_order_asked_for(plane: DataPlane) -> None:
    image = Tensor("image", "UINT8", np.zeros((2, 28, 28, 1), np.uint8))
    every = plane.infer("lenet5-features", None, [image])
    assert [output.name for output in every] == ["probabilities", "logits"]
    turned = plane.infer("lenet5-features", "1", [image], ["logits", "probabilities"])
    assert [output.name for output in turned] == ["logits", "probabilities"]
    assert (turned[1].data == every[0].data).all()


def test_noncontiguous_input(plane: DataPlane) -> None:
    image = np.random.default_rng(0).random((1, 28, 28, 1), np.float32)
    turned = Tensor("image", "FP32", np.ascontiguousarray(image.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3))
    (ours,), (plain,) = (plane.infer("lenet5", None, [t]) for t in (turned, Tensor("image", "FP32", image)))
    assert (ours.data == plain.data).all()


def test_batch_reads_as_one_by_one(plane: DataPlane) -> None:
    pictures = [png(seven(size)) for size in (30, 60, 90)]
    _, together = plane.read_digits(pictures)
    alone = [plane.read_digits([picture])[1][0] for picture in pictures]
    assert [one.digit for one in together] == [one.digit for one in alone]
    assert [one.confidence for one in together] == pytest.approx([one.confidence for one in alone], abs=1e-6)


def test_names_the_picture_that_cannot_be_read(plane: DataPlane) -> None:
    with pytest.raises(CheckdigitError, match="picture 2 of 2: not a picture"):
        plane.read_digits([png(seven()), b"no"])


def test_unknown(plane: DataPlane) -> None:
    with pytest.raises(Unknown, match="unknown model 'x'; there are lenet5, lenet5-features"):
        plane.read_digits([], model="x")
    with pytest.raises(Unknown, match="no version '2'"):
        plane.find("lenet5", "2")

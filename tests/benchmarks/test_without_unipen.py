"""What models without UNIPEN read, and models that were trained with it."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from benchmarks import without_unipen
from pipeline.data.digits import Split
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.digit import normalize
from serving.repository.store import Repository


def golden() -> Split:
    repository = Repository.open()
    digits = repository.golden[0]
    pictures = [
        normalize(decode((repository.folder / "golden" / digit.file).read_bytes())) for digit in digits
    ]
    return Split(np.stack(pictures), np.array([digit.digit for digit in digits], np.uint8))


def test_measure() -> None:
    repository = Repository.open()
    alone = {key: value for key, value in repository.manifest.data.items() if key != "sources"}
    manifest = msgspec.structs.replace(repository.manifest, data=alone)
    repository = dataclasses.replace(repository, manifest=manifest)
    record = without_unipen.measure(repository, golden(), {"unipen": golden()}, corrupted=5)
    assert record["version"] == repository.model("lenet5").version
    assert [row["name"] for row in record["domains"]] == [
        "mnist test",
        "unipen",
        "mnist test, 15 corruptions",
    ]
    assert record["domains"][1]["service"]["lenet5"]["value"] == 1.0


def test_models_that_were_trained_with_unipen() -> None:
    with pytest.raises(CheckreaderError, match="trained with UNIPEN"):
        without_unipen.measure(Repository.open(), golden(), {})

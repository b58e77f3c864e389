"""What is committed in `models/` keeps its promises."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from serving.images.codec import decode
from serving.images.digit import normalize, tensor
from serving.manifest import NAME, Manifest
from serving.manifest import decode as decode_manifest
from serving.repository.store import Repository
from tests.support.paths import ROOT

MODELS = ROOT / "models"


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return decode_manifest((MODELS / NAME).read_bytes())


def test_every_file_is_the_released_one(manifest: Manifest) -> None:
    for model in manifest.models.values():
        for artifact in model.artifacts:
            content = (MODELS / artifact.path).read_bytes()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (artifact.sha256, artifact.bytes)


def test_sizes(manifest: Manifest) -> None:
    size = {artifact.format: artifact.bytes for artifact in manifest.models["lenet5-int8"].artifacts}
    assert size["tflite_int8"] <= 75_000
    assert size["onnx_int8"] <= 85_000
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) < 9_800_000


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert"])
@pytest.mark.parametrize("name", ["lenet5", "lenet5-int8"])
def test_every_model_passes_its_golden_check(name: str, runtime: str) -> None:
    repository = Repository.open(MODELS)
    loaded = repository.load(name, runtime)
    digits, images = repository.golden
    assert (loaded.network.infer(images).argmax(1) == [digit.digit for digit in digits]).all()
    assert len(digits) == 20


def test_golden_pictures_read_alike_in_either_polarity() -> None:
    """Inverted, they normalize to the same tensor."""
    for path in sorted((MODELS / "golden").glob("[0-9][ab].png")):
        gray = decode(path.read_bytes())
        assert np.array_equal(normalize(gray), normalize(255 - gray))
        assert tensor(normalize(gray)[None]).max() == 1

"""The manifest: what it may hold, and one line where it cannot be read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from serving.errors import CheckreaderError
from serving.manifest import SCHEMA, Artifact, Manifest, Model, Sliding, Tensor, decode
from tests.support.paths import ROOT

MODEL = Model(
    version="1",
    task="digit",
    input=Tensor("image", "FP32", [-1, 28, 28, 1]),
    artifacts=[Artifact("m.onnx", "0" * 64, 3, "onnx_float32", "onnxruntime")],
)
MANIFEST = Manifest(SCHEMA, "1.0", "lenet5", {"lenet5": MODEL}, {})


def changed(**changes: Any) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(MANIFEST) | changes)


def test_what_is_written_is_read() -> None:
    sliding = Sliding(32, 36, 4, 16, 16, 64, (0.0, -0.2))
    model = msgspec.structs.replace(MODEL, task="field", sliding=sliding)
    manifest = msgspec.structs.replace(MANIFEST, models={"lenet5": model}, previous={"lenet5": MODEL})
    assert decode(msgspec.json.encode(manifest)) == manifest


def test_defaults_are_not_written() -> None:
    encoded = msgspec.json.encode(MANIFEST)
    assert not {b"previous", b"thresholds", b"sliding", b"seed"} & set(encoded.split(b'"'))
    assert decode(encoded) == MANIFEST


def test_unknown_fields_are_ignored() -> None:
    assert decode(changed(novelty=[1])) == MANIFEST


def test_the_released_manifest() -> None:
    manifest = decode((ROOT / "models/manifest.json").read_bytes())
    assert manifest.default in manifest.models


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "m: not a valid manifest"),
        (b"\xff", "m: not a valid manifest"),
        (b"[]", "m: not a valid manifest"),
        (changed(models={"lenet5": {}}), "m: not a valid manifest .*: restore it from a release"),
        (changed(schema=2), "m: schema 2, but this checkreader reads schema 1"),
        (changed(default="lenet6"), "m: the default model 'lenet6' is not among its models"),
    ],
)
def test_mistakes(content: bytes, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        decode(content, "m")

"""Bytes to both protocols' parsers, where nothing but CheckreaderError may escape; run it with -max_total_time=60."""

from __future__ import annotations

import copy
import json
import random
from functools import partial
from typing import Any

import atheris

with atheris.instrument_imports(include=["serving"]):
    from serving.engine.tensors import check_shape
    from serving.errors import CheckreaderError
    from serving.protocol import oip, tensorflow_serving
    from serving.runtime.network import Spec

from tests.support import fuzz_corpus

LONGEST = 4096
SPEC = Spec("image", "FP32", (-1, 28, 28, 1))
CHECK = partial(check_shape, "lenet5", SPEC, max_rows=8)
# Whatever a value in a request's JSON may be replaced by.
VALUES: list[Any] = [
    *(None, True, False, 0, 1, 2, -1, 0.5, 1e300, float("nan"), 2**31, 2**62, 2**63, 2**64 - 1, 2**64),
    *([], {}, [0], [[1]], [0, 2**63], [2**62, 2**62], {"b64": ""}, {"image": []}, {"binary_data_size": 0}),
    *("", "1", "x", "image", "BYTES", "FP16", "FP32", "UINT8", "INT64", "aGVsbG8=", "\u00e9", "\0", "{", "["),
]
KEYS = ("inputs", "instances", "data", "shape", "parameters", "binary_data_size", "classification", "timeout")


def mutated(data: bytes, longest: int, seed: int) -> bytes:
    """Changes a value of the JSON now and then, which flipped bytes would only spoil."""
    chance = random.Random(seed)
    header, _, body = data.partition(b"\n")
    head, *tail = body.split(b"\0", 1)
    try:
        tree = json.loads(head)
    except (ValueError, RecursionError):
        tree = None
    if isinstance(tree, dict) and chance.random() < 0.8:
        for _ in range(chance.randint(1, 3)):
            _change(tree, chance)
        candidate = header + b"\n" + b"\0".join((json.dumps(tree).encode(), *tail))
        if len(candidate) <= longest:
            return candidate
    return atheris.Mutate(data, longest)


def _change(tree: Any, chance: random.Random) -> None:
    place = tree
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if isinstance(place, dict) and (not keys or chance.random() < 0.1):
            place[chance.choice(KEYS)] = _value(chance)
            return
        if not keys:
            place.append(_value(chance))
            return
        key = chance.choice(keys)
        if not isinstance(place[key], dict | list) or chance.random() < 0.2:
            break
        place = place[key]
    action = chance.random()
    if action < 0.15:
        del place[key]
    elif action < 0.3 and isinstance(place, list):
        place.append(place[key])
    else:
        place[key] = _value(chance)


def _value(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(VALUES))


def target(data: bytes) -> None:
    """`data` is Inference-Header-Content-Length (empty = none), a line break and the body.

    With "+" the header fits: the body's JSON ends at its first zero byte, which is dropped.
    """
    header, _, body = data.partition(b"\n")
    length = header.decode("latin-1") or None
    if header == b"+":
        head, _, tail = body.partition(b"\0")
        body, length = head + tail, str(len(head))
    for parse in (
        partial(oip.parse, body, length, SPEC, CHECK),
        partial(tensorflow_serving.parse, body, SPEC, CHECK),
    ):
        try:
            inputs = parse().inputs
        except CheckreaderError as error:
            str(error).encode()  # so that a reply can hold it
            continue
        for tensor in inputs:
            if tensor.name == SPEC.name and tensor.datatype == "FP32":
                assert 1 <= len(tensor.data) <= 8
                assert tensor.data.dtype == "float32"


if __name__ == "__main__":
    fuzz_corpus.run(target, fuzz_corpus.requests(), LONGEST, custom_mutator=mutated)

"""`models/manifest.json`: what was released, in schema 1.

`pipeline` writes these types (`msgspec.json.encode`), `serving` reads them. A
reader ignores fields it does not know, so a release may say more than this.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from serving.errors import CheckreaderError

SCHEMA: Final = 1
NAME: Final = "manifest.json"


class Tensor(msgspec.Struct, frozen=True):
    """One input or output; −1 in `shape` is any size."""

    name: str
    datatype: str
    shape: list[int]


class Accuracy(msgspec.Struct, frozen=True):
    """A measured share with its 95 % interval, over `n` pictures of `data`."""

    value: float
    low: float
    high: float
    n: int
    data: str


class Threshold(msgspec.Struct, frozen=True):
    """The confidence from which readings are accepted, for one bound on their error.

    `error` (with its interval) and the `accepted` share are what it gave on `n` calibration pictures.
    """

    max_error: float
    threshold: float
    error: float
    low: float
    high: float
    accepted: float
    n: int


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file, its path relative to the manifest. Of several for one runtime the first is served."""

    path: str
    sha256: str
    bytes: int
    format: str
    runtime: str
    type: str | None = None


class Sliding(msgspec.Struct, frozen=True):
    """How a network slides over a field, in columns of its input.

    Step t of its output sees columns [t·stride, t·stride + receptive); the ink stands `left` columns
    from the left edge, with `right` columns of paper after it, in a width that is a multiple of `bucket`.
    It looks at a field once for each of `slants`, columns per row from the middle, positive = to the right;
    the first is 0. What is read is what is likeliest on the mean of the looks.
    """

    height: int
    receptive: int
    stride: int
    left: int
    right: int
    bucket: int
    slants: tuple[float, ...] = (0.0,)


class Confidence(msgspec.Struct, frozen=True):
    """The probability that a reading is right, from the decoder's probability p of the whole string:
    1 / (1 + exp(−(scale·logit(p) + offset))) (Platt 1999, "Probabilistic Outputs for Support Vector Machines").
    """

    scale: float
    offset: float


class Golden(msgspec.Struct, frozen=True):
    path: str
    sha256: str


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model; `task` "digit" makes it a reader of digits, "field" one of whole fields, with `output`
    its probabilities.
    """

    version: str
    task: str
    input: Tensor
    artifacts: list[Artifact]
    output: Tensor | None = None
    outputs: list[Tensor] = []
    labels: list[str] = []
    description: str = ""
    seed: int | None = None
    preset: str | None = None
    temperature: float | None = None
    accuracy: Accuracy | None = None
    thresholds: list[Threshold] = []
    sliding: Sliding | None = None
    confidence: Confidence | None = None
    golden: Golden | None = None  # its own set to be checked against, where it is not the release's


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    schema: int
    release: str
    default: str
    models: dict[str, Model]
    golden: dict[str, Golden]
    previous: dict[str, Model] = {}  # the versions before, for those who ask for the label
    tool_versions: dict[str, str] = {}
    data: dict[str, Any] = {}


class GoldenDigit(msgspec.Struct, frozen=True):
    """A picture beside the file and, for each model and format, its ten probabilities."""

    file: str
    digit: int
    sha256: str
    expected: dict[str, dict[str, list[float]]]


class GoldenDigits(msgspec.Struct, frozen=True):
    digits: list[GoldenDigit]


class GoldenSteps(msgspec.Struct, frozen=True):
    """The likeliest label of each step and its probability."""

    labels: list[int]
    probabilities: list[float]


class GoldenField(msgspec.Struct, frozen=True):
    """A picture beside the file, what is written there, the columns of its normalized pixels and, for
    each model and format, the steps that see them.
    """

    file: str
    text: str
    sha256: str
    width: int
    expected: dict[str, dict[str, GoldenSteps]]


class GoldenFields(msgspec.Struct, frozen=True):
    fields: list[GoldenField]


class _Version(msgspec.Struct):
    schema: int


def decode(data: bytes, where: str = NAME) -> Manifest:
    """The manifest in `data`.

    Raises:
        CheckreaderError: it is no manifest, or one of another schema.
    """
    try:
        schema = msgspec.json.decode(data, type=_Version).schema
        if schema != SCHEMA:
            raise CheckreaderError(
                f"{where}: schema {schema}, but this checkreader reads schema {SCHEMA}: "
                "use models and program of the same release"
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckreaderError(
            f"{where}: not a valid manifest ({error}): restore it from a release"
        ) from None
    if manifest.default not in manifest.models:
        raise CheckreaderError(
            f"{where}: the default model {manifest.default!r} is not among its models: "
            "restore it from a release"
        )
    return manifest

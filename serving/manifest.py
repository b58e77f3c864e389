"""The manifest of a release, `models/manifest.json`, in schema 1.

`pipeline` writes these types (`msgspec.json.encode`) and `serving` reads them. A reader ignores fields that it does not
know, so a release may hold more than these.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from serving.errors import CheckreaderError

SCHEMA: Final = 1
NAME: Final = "manifest.json"
READING: Final = ("digit", "field", "micr")  # tasks of models that read pictures, and accept what they read


class Tensor(msgspec.Struct, frozen=True):
    """An input or output of a model; −1 in `shape` stands for any size."""

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
    """The lowest confidence at which readings are accepted, for one bound on their error.

    `error` (with its interval) and the share `accepted` were measured with it on `n` calibration pictures.
    """

    max_error: float
    threshold: float
    error: float
    low: float
    high: float
    accepted: float
    n: int


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model's file, its path relative to the manifest. Of several for one runtime the first is served."""

    path: str
    sha256: str
    bytes: int
    format: str
    runtime: str
    type: str | None = None


class Sliding(msgspec.Struct, frozen=True):
    """The geometry of a network that slides over a field, in columns of its input.

    Step t of its output depends on columns [t·stride, t·stride + receptive). The ink begins `left` columns from
    the left edge and is followed by `right` columns of paper; the width is a multiple of `bucket`. A field has one
    view for each of `slants` (columns per row above the middle, positive = to the right; the first is 0). The network
    reads the first, and the others only where the first's likeliest string is less probable than `sure` (None: reads
    all of every field); the reading is the likeliest string on the mean over the views that were read.
    """

    height: int
    receptive: int
    stride: int
    left: int
    right: int
    bucket: int
    slants: tuple[float, ...] = (0.0,)
    sure: float | None = None


class Confidence(msgspec.Struct, frozen=True):
    """The probability that a reading is right, from the decoder's probability p of the whole string:
    1 / (1 + exp(−(scale·logit(p) + offset))) (Platt 1999, "Probabilistic Outputs for Support Vector Machines").
    """

    scale: float
    offset: float


class Golden(msgspec.Struct, frozen=True):
    """A file with golden answers, its path relative to the manifest."""

    path: str
    sha256: str


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version of a model.

    Attributes:
        task: "digit" for a model that reads digits, "field" for one that reads whole fields, "micr" for one that
            reads MICR lines, "check" for one that finds the fields of a check.
        output: the probabilities.
        outputs: all outputs, where there are several.
        golden: the model's own golden set; None: the release's.
        least_evidence: what a digit has to show to be accepted, see `serving.decoding.thresholds.evidence`.
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
    golden: Golden | None = None
    least_evidence: float | None = None


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A release.

    Attributes:
        schema: the version of these types, `SCHEMA`.
        release: the release's name.
        default: the model that reads pictures if a request names none.
        models: the current versions, by name.
        golden: the golden sets, by kind: "digits", "fields", "lines" (of MICR) or "checks".
        previous: the versions before, by name; they are served under the label "previous".
        tool_versions: versions of the programs that made the release.
        data: the training data of the models.
    """

    schema: int
    release: str
    default: str
    models: dict[str, Model]
    golden: dict[str, Golden]
    previous: dict[str, Model] = {}
    tool_versions: dict[str, str] = {}
    data: dict[str, Any] = {}


class GoldenDigit(msgspec.Struct, frozen=True):
    """A golden picture, in the folder of the golden set's file, and its ten probabilities by model and format."""

    file: str
    digit: int
    sha256: str
    expected: dict[str, dict[str, list[float]]]


class GoldenDigits(msgspec.Struct, frozen=True):
    """The golden set of digits."""

    digits: list[GoldenDigit]


class GoldenSteps(msgspec.Struct, frozen=True):
    """The likeliest label of each step and its probability."""

    labels: list[int]
    probabilities: list[float]


class GoldenField(msgspec.Struct, frozen=True):
    """A golden picture, in the folder of the golden set's file.

    Attributes:
        text: the string that is written there.
        width: the number of columns of the normalized field.
        expected: by model and format, the steps that belong to these columns.
    """

    file: str
    text: str
    sha256: str
    width: int
    expected: dict[str, dict[str, GoldenSteps]]


class GoldenFields(msgspec.Struct, frozen=True):
    """The golden set of fields."""

    fields: list[GoldenField]


class GoldenCheck(msgspec.Struct, frozen=True):
    """A golden thumbnail of a check, in the folder of the golden set's file.

    `expected` holds by model and format the box of each field that is found: left, top, right and bottom, as shares of the
    check's width and height.
    """

    file: str
    sha256: str
    expected: dict[str, dict[str, dict[str, tuple[float, float, float, float]]]]


class GoldenChecks(msgspec.Struct, frozen=True):
    """The golden set of checks."""

    checks: list[GoldenCheck]


class _Version(msgspec.Struct):
    schema: int


def decode(content: bytes, where: str = NAME) -> Manifest:
    """Decodes a manifest.

    Args:
        content: the file's bytes.
        where: the file's name, for error messages.

    Raises:
        CheckreaderError: it is no manifest, or one of another schema.
    """
    try:
        schema = msgspec.json.decode(content, type=_Version).schema
        if schema != SCHEMA:
            raise CheckreaderError(
                f"{where}: schema {schema}, but this checkreader reads schema {SCHEMA}: "
                "use models and program of the same release"
            )
        manifest = msgspec.json.decode(content, type=Manifest)
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

"""The types of the records that a run's stages write and other stages read (`pipeline.run`).

They state what is read. A record may hold more than that, and one of an older release may lack what has a default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from serving.errors import CheckreaderError
from serving.manifest import Accuracy, Confidence, Threshold

_Kind = TypeVar("_Kind")


def convert(content: object, kind: type[_Kind], source: Path) -> _Kind:
    """Reads what JSON holds as one of these types.

    Args:
        content: decoded JSON.
        kind: the type.
        source: the file or folder that it comes from, for the error.

    Raises:
        CheckreaderError: something is missing, or of another type.
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise CheckreaderError(
            f"{source}: not a record of this version ({error}): run the stage again"
        ) from None


class File(msgspec.Struct, frozen=True):
    """One file that a stage wrote."""

    sha256: str
    bytes: int


class Machine(msgspec.Struct, frozen=True):
    cpu: str
    cores: int


class Environment(msgspec.Struct, frozen=True):
    """Versions and machine of a stage."""

    packages: dict[str, str]
    machine: Machine


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The part that every stage records."""

    STAGE: ClassVar[str]

    files: dict[str, File]
    environment: Environment


class CurvePoint(msgspec.Struct, frozen=True):
    """What a least evidence accepts of a digit model's validation digits and of its non-digits."""

    least_evidence: float
    accepted: float
    wrong: int
    nondigits: int


class SetCount(msgspec.Struct, frozen=True):
    """How many of a set's `n` fields, lines or groups the threshold of a bound accepts, and how many of these are wrong."""

    name: str
    n: int
    max_error: float
    accepted: int
    wrong: int


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """A digit model's temperature or another's confidence, thresholds, and the bounds that have none, with why."""

    temperature: float | None = None
    confidence: Confidence | None = None
    thresholds: list[Threshold] = []
    refusals: list[str] = []
    sure: float | None = None  # of a field model: see `Sliding.sure`
    least_evidence: float | None = None  # of a digit model: what a digit has to show, too
    above: int | None = None  # of a digit model: validation digits that reach it
    nondigits: int | None = None  # pictures that are no digit, which it was fitted on
    curve: list[CurvePoint] = []
    sets: list[
        SetCount
    ] = []  # what the thresholds accept of each set of fields, or of lines and groups of them
    measured: list[Threshold] = []  # not certified: where the counted error stays below the bound


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A measured share with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    length: int | None = None  # of the strings that it was measured on


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """The accepted share and the error at a threshold; None where the wanted error is not reached."""

    max_error: float
    threshold: float | None
    accepted: float
    error: float | None
    low: float | None
    high: float | None


class Others(msgspec.Struct, frozen=True):
    """Pictures that hold no digit or no field, and how many of them were accepted.

    Of fields `threshold` is the default one, and `highest` each kind's highest confidence.
    """

    n: int
    accepted: int
    threshold: float | None = None
    highest: dict[str, float] = {}


class CalibrationError(msgspec.Struct, frozen=True):
    """The expected calibration error before and after calibration."""

    before: float
    after: float


class DigitMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of a digit model by `evaluate`."""

    accuracy: Accuracy
    temperature: float
    calibration_error: CalibrationError
    nondigits: Others
    thresholds: list[Point]
    confusion: list[list[int]] = []  # digit → digit that was read → count


class RejectPoint(msgspec.Struct, frozen=True):
    """The error among the accepted fields where the least confident share is rejected."""

    rejected: float
    error: float


class ReliabilityBin(msgspec.Struct, frozen=True):
    """The mean confidence of a bin's fields and the share of them that is right, with its 95 % interval."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


class Misread(msgspec.Struct, frozen=True):
    """A field that is read wrong: its label, what was read, and why it is never accepted, if that is so."""

    file: str
    text: str
    read: str
    confidence: float
    problem: str | None


class FieldMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of a field model by `evaluate` or cross-validation.

    `boxes` are there where some are labeled, `amounts` and `exact_written` where labels name amounts and marks.
    `confusion` counts digit → digit that was read or, in the last column, missed; `inserted` is made up.
    """

    data: dict[str, Any]
    n: int
    confidence: str = "reader"  # or "out-of-fold"
    exact: Share
    exact_written: Share | None = None
    amounts: Share | None = None
    digit_error_rate: dict[str, float]
    confusion: list[list[int]] = []
    inserted: list[int] = []
    unread: int = 0
    by_length: list[Share] = []
    by_touching: dict[str, Share] = {}
    by_separators: dict[str, Share] = {}
    boxes: dict[str, float] | None = None
    nonfields: Others | None = None
    thresholds: list[Point] = []
    measured: list[Point] = []
    error_reject: list[RejectPoint] = []
    calibration_error: CalibrationError | None = None
    reliability: list[ReliabilityBin] = []
    worst: list[Misread] = []


class Confusion(msgspec.Struct, frozen=True):
    """How often a symbol was read as another; "" where one was missed or inserted."""

    symbol: str
    read: str
    count: int


class MicrMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of a MICR model by `evaluate`.

    `exact` and `forgiven` count lines, `exact_by_group` is the mean over groups. `by_country` goes by the layout of the
    label, `unread` counts lines by what normalization or decoding said of them, `sets` what the thresholds accept.
    """

    exact: Share
    strictly_exact: float
    forgiven: int
    symbol_errors: float
    exact_by_group: float
    groups: int
    symbols: int
    confusions: list[Confusion]
    by_country: dict[str, Share]
    unread: dict[str, int]
    thresholds: list[Threshold]
    sets: list[SetCount]


class CrossValidation(msgspec.Struct, frozen=True):
    pooled: FieldMeasures


class CheckMeasures(msgspec.Struct, frozen=True):
    """The measures of a model that finds the fields of checks: shares that are found by field, and by kind of picture."""

    fields: dict[str, Share]
    by_kind: dict[str, dict[str, Share]]
    right_way_up: Share


class TrainRecord(Record, frozen=True, kw_only=True):
    """`config` is that of a `TrainConfig` or a `FieldTrainConfig`; a record that names no task is a digit's.

    `sources` are what the batches of a digit run mix; an older release's were its data alone. `alphabet` are the
    symbols of a field network (`pipeline.networks.spec.alphabet`).
    """

    STAGE = "train"

    task: str = "digit"
    preset: str | None = None
    config: dict[str, Any]
    data: dict[str, Any]
    data_dir: str | None = None
    alphabet: str | None = None
    sources: list[dict[str, Any]] = []
    metrics: dict[str, Any] = {}
    calibration: Calibration | None = None
    cross_validation: CrossValidation | None = None


class QuantizeRecord(Record, frozen=True, kw_only=True):
    """`fields` counts those that the ranges of a field model were measured on."""

    STAGE = "quantize"

    config: dict[str, Any]
    calibration: Calibration | None = None
    fields: int | None = None


class ExportRecord(Record, frozen=True, kw_only=True):
    """`refused` names the formats that could not be exported, with the reason."""

    STAGE = "export"

    data: dict[str, Any]
    refused: dict[str, str]


class Pair(msgspec.Struct, frozen=True):
    """Two formats that were compared; the share of fields that both read as the same string."""

    left: str
    right: str
    strings: float | None = None
    lsb: int | None = None  # the largest difference of two logits; None: floating point
    probability: float = 0.0  # the largest difference of two probabilities
    top1: float = 1.0  # the share of equal best digits


class VerifyRecord(Record, frozen=True, kw_only=True):
    """`pictures` and, of fields, `steps` were compared; `broken` says which bounds do not hold."""

    STAGE = "verify"

    passed: bool
    broken: list[str]
    pictures: int | None = None
    steps: int | None = None
    float_and_int8: float | None = None
    pairs: list[Pair] = []


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """The accuracy of each model on one kind of pictures: as they are, and normalized by the service."""

    name: str
    service: dict[str, Share]
    pixels: dict[str, Share] | None = None


class EvaluateRecord(Record, frozen=True, kw_only=True):
    """The measures of each model of a digit run and the accuracy of each format."""

    STAGE = "evaluate"

    families: dict[str, DigitMeasures]
    formats: dict[str, Accuracy]
    domains: list[Domain] = []


class FieldEvaluateRecord(Record, frozen=True, kw_only=True):
    """The measures of each model of a field run; `difference` is 8 bits minus float, in exact strings."""

    STAGE = "evaluate"

    families: dict[str, FieldMeasures]
    difference: float
    trained_on: bool


class MicrEvaluateRecord(Record, frozen=True, kw_only=True):
    """The measures of each model of a MICR run; `difference` is 8 bits minus float, in exact lines."""

    STAGE = "evaluate"

    data: dict[str, Any]
    families: dict[str, MicrMeasures]
    difference: float


class CheckEvaluateRecord(Record, frozen=True, kw_only=True):
    """The measures of each model of a run that finds the fields of checks."""

    STAGE = "evaluate"

    data: dict[str, Any]
    families: dict[str, CheckMeasures]


class Speed(msgspec.Struct, frozen=True):
    bytes: int
    p50_ms: float
    images_per_second: float
    peak_mb: float


class BenchmarkRecord(Record, frozen=True, kw_only=True):
    """`batch` pictures at once; fields are `width` columns wide."""

    STAGE = "benchmark"

    formats: dict[str, Speed]
    batch: int | None = None
    width: int | None = None


class CalibratedModel(msgspec.Struct, frozen=True):
    calibration: Calibration


class CalibrateRecord(Record, frozen=True, kw_only=True):
    """The calibration of each model by labeled fields or lines; `seed` is that of the folds.

    `data` certified, `vetoes` could contradict.
    """

    STAGE = "calibrate"

    data: dict[str, Any]
    vetoes: list[dict[str, Any]] = []
    seed: int
    families: dict[str, CalibratedModel]


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a digit run's stages."""

    train: TrainRecord
    quantize: QuantizeRecord
    export: ExportRecord
    verify: VerifyRecord
    evaluate: EvaluateRecord
    benchmark: BenchmarkRecord


class FieldRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a field run's stages."""

    train: TrainRecord
    quantize: QuantizeRecord
    export: ExportRecord
    verify: VerifyRecord
    evaluate: FieldEvaluateRecord
    benchmark: BenchmarkRecord
    calibrate: CalibrateRecord | None = None


class MicrRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The records of a MICR run's stages."""

    train: TrainRecord
    quantize: QuantizeRecord
    export: ExportRecord
    verify: VerifyRecord
    evaluate: MicrEvaluateRecord
    benchmark: BenchmarkRecord
    calibrate: CalibrateRecord | None = None


class CheckRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The records of the stages of a run that finds the fields of checks."""

    train: TrainRecord
    quantize: QuantizeRecord
    export: ExportRecord
    verify: VerifyRecord
    evaluate: CheckEvaluateRecord
    benchmark: BenchmarkRecord

"""What the page is told of the service before it offers anything: `/web/models.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from serving import __version__
from serving.decoding.check_digits import SCHEMES
from serving.decoding.dates import ORDERS
from serving.decoding.locales import STYLES
from serving.decoding.micr import AUTO, COUNTRIES
from serving.decoding.thresholds import operating_point
from serving.engine.dataplane import DataPlane
from serving.manifest import Threshold

FEATURES: Final = "lenet5-features"
# What may be said of a picture before it is read, by the names of the parameters; what stands for any is left out.
CHOICES: Final[dict[str, list[str]]] = {
    "locale": list(STYLES),
    "scheme": list(SCHEMES),
    "order": list(ORDERS),
    "country": [country for country in COUNTRIES if country != AUTO],
}


class ModelInfo(msgspec.Struct, frozen=True):
    """A served model that reads pictures, with its certified thresholds.

    `max_error` is the bound that is applied where a request names none; None: nothing is accepted then.
    """

    model: str
    version: str
    thresholds: list[Threshold]
    max_error: float | None


class GoldenProbabilities(msgspec.Struct, frozen=True):
    """A golden picture, and the ten probabilities that the WebAssembly must compute for it."""

    file: str
    probabilities: list[float]


class WasmFile(msgspec.Struct, frozen=True):
    """A file of WebAssembly, and its size."""

    path: str
    bytes: int


class WasmModule(msgspec.Struct, frozen=True):
    """The digit's model in WebAssembly; `thresholds` and `max_error` are as in `ModelInfo`.

    `plain` runs in any browser, `simd` in one that has vectors; None: the release lacks it.
    """

    model: str
    version: str
    plain: WasmFile
    simd: WasmFile | None
    thresholds: list[Threshold]
    max_error: float | None
    golden: list[GoldenProbabilities]


class GoldenSample(msgspec.Struct, frozen=True):
    """A golden picture at `/web/golden/FILE`, and the text written there."""

    file: str
    text: str


class PageModels(msgspec.Struct, frozen=True):
    """`/web/models.json`, which the page asks for first.

    Attributes:
        version: of the service.
        max_body: bytes that a request may post.
        digit, field, micr: the models that read them; None: none is served.
        check: the model that finds the fields of a check; None: none is served, or none that reads what is found.
        features: the model that gives the network's layers; None: it is not served.
        browser: the model that the page can run itself.
        no_browser: the reason why there is none.
        choices: the values of the parameters that say what is known of a picture.
        digits, fields, lines: samples to try.
    """

    version: str
    max_body: int
    digit: ModelInfo | None
    field: ModelInfo | None
    micr: ModelInfo | None
    check: ModelInfo | None
    features: str | None
    browser: WasmModule | None
    no_browser: str | None
    choices: dict[str, list[str]]
    digits: list[GoldenSample]
    fields: list[GoldenSample]
    lines: list[GoldenSample]

    @classmethod
    def of(
        cls,
        plane: DataPlane,
        browser: WasmModule | None,
        no_browser: str | None,
        samples: Mapping[str, list[GoldenSample]],
    ) -> PageModels:
        """Describes the served models.

        Args:
            plane: them.
            browser, no_browser: as the attributes.
            samples: by the names of the attributes.
        """
        first = _first_models(plane)
        reads_checks = {"field", "micr", "check"} <= first.keys()
        return cls(
            version=__version__,
            max_body=plane.settings.max_body,
            digit=first.get("digit"),
            field=first.get("field"),
            micr=first.get("micr"),
            check=first["check"] if reads_checks else None,
            features=FEATURES if FEATURES in plane.models else None,
            browser=browser,
            no_browser=no_browser,
            choices=CHOICES,
            digits=samples["digits"],
            fields=samples["fields"],
            lines=samples["lines"],
        )


def _first_models(plane: DataPlane) -> dict[str, ModelInfo]:
    """Returns the model that reads where a request names none, by task."""
    models: dict[str, ModelInfo] = {}
    for served in plane.models.values():
        task, thresholds = served.loaded.model.task, served.loaded.model.thresholds
        if task == "digit" and served.name != plane.default:
            continue
        applied = operating_point(thresholds).applied_max_error
        models.setdefault(task, ModelInfo(served.name, served.version, thresholds, applied))
    return models

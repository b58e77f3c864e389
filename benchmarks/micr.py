"""What the released MICR models read of labeled lines, and what they must not accept.

    .venv/bin/python -m benchmarks.micr FOLDER    # some minutes, on an idle machine; writes results/micr.json

`lines` are the labeled lines of the folder: exact, symbol errors and the mean over groups, and what each certified threshold
accepts, by confidence alone and by the service, of lines and of groups. `altered` are drawn American lines, one digit of whose routing
number is printed as another: every check digit fails, none may be accepted. `nonlines` are pictures that hold no MICR line.
`milliseconds` are those of one drawn line, encoded bytes → prediction, in one thread. Everything is read as the service reads it; the
results hold counts alone, no reading.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import numpy as np

from benchmarks import output
from benchmarks.fields import png
from pipeline.data import labeled_lines
from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import micr
from pipeline.evaluation.micr_readings import LineReading
from pipeline.run import environment, write_json
from pipeline.synthesis import micr_lines, nonfields
from pipeline.synthesis.micr_text import micr_text
from pipeline.synthesis.sampler import HandwritingSampler
from pipeline.synthesis.scanner import PaperStock, paper_stock
from serving.decoding import micr as parsing
from serving.decoding.thresholds import operating_point
from serving.images.codec import Gray, decode
from serving.manifest import Threshold
from serving.recognition.micr import MicrPrediction
from serving.recognition.micr_recognizer import MicrRecognizer, micr_recognizer
from serving.repository.store import Repository

MODELS: Final = ("lenet5-micr", "lenet5-micr-int8")
ALTERED: Final = 200
NONLINES: Final = 1_000
TIMED: Final = 200
_SEEDS: Final = {"altered": 1, "nonlines": 2, "timed": 3}
_PAPERS: Final = 24
_WRITERS: Final = 40  # invented, of the handwritten fields
_WARM_UP: Final = 20
# Accepts every line that only its confidence could reject.
_ALL: Final = operating_point([Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)], 1.0)

Picture = tuple[str, Gray]  # its kind, uint8 [h, w]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    command = output.parser("micr", "Measures what the released MICR models read, and must not accept.")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="labeled lines, with labels.csv")
    options = command.parse_args(arguments)
    write_json(options.out, measure(options.folder) | {"environment": environment()})


def measure(
    folder: Path, altered: int = ALTERED, nonlines: int = NONLINES, timed: int = TIMED
) -> dict[str, Any]:
    """Measures both models on labeled lines and on so many drawn pictures of each kind."""
    repository, labeled = Repository.open(), labeled_lines.load(folder)
    readers = {name: _recognizer(repository, name) for name in MODELS}
    encoded = [file.read_bytes() for file in labeled.files]
    pictures = [decode(content) for content in encoded]
    thresholds = {name: repository.model(name).thresholds for name in MODELS}
    return {
        "version": repository.model(MODELS[0]).version,
        "seeds": _SEEDS,
        "lines": {
            "data": labeled.record(),
            "models": {
                name: counts(labeled, pictures, [read([content])[0] for content in encoded], thresholds[name])
                for name, read in readers.items()
            },
        },
        "altered": _accepted(readers, thresholds, list(altered_lines(altered))),
        "nonlines": _accepted(readers, thresholds, list(pictures_without_line(nonlines))),
        "milliseconds": {name: _milliseconds(read, timed) for name, read in readers.items()},
    }


def counts(
    labeled: LabeledLines,
    pictures: Sequence[Gray],
    predictions: Sequence[MicrPrediction],
    thresholds: Sequence[Threshold],
) -> dict[str, Any]:
    """Measures predictions as `pipeline.evaluation.micr` does.

    Args:
        labeled: the lines.
        pictures: uint8 [h, w] each.
        predictions: accepted wherever confidence alone would decide.
        thresholds: the model's.
    """
    readings = [_reading(prediction) for prediction in predictions]
    confidences = [prediction.confidence for prediction in predictions]
    outcomes = micr.compare(labeled, pictures, readings)
    return micr.measure(labeled, readings, outcomes, confidences, thresholds)


def _reading(prediction: MicrPrediction) -> LineReading:
    """Returns what was read, before a check digit changed it."""
    check = prediction.check_digit
    text = check.corrected_from if check and check.corrected_from else prediction.text
    problem = None if text else prediction.reason
    return LineReading(text.replace(" ", ""), prediction.confidence, problem, prediction.reason)


def altered_lines(count: int) -> Iterator[Picture]:
    """Draws American lines, one digit of the routing number of each printed as another."""
    rng = np.random.default_rng(_SEEDS["altered"])
    stock = _stock()
    while count:
        text = micr_text(rng)
        parsed = parsing.parse(text, "us")
        if parsed.scheme is None:
            continue
        routing = next(field for field in parsed.fields if field.name == "routing")
        places = [place for place, symbol in enumerate(text) if symbol != " "][routing.start : routing.stop]
        place = int(rng.choice(places))
        digit = str((int(text[place]) + rng.integers(1, 10)) % 10)
        changed = text[:place] + digit + text[place + 1 :]
        line = micr_lines.draw_line(rng, stock, changed)
        if line.text == changed:
            count -= 1
            yield "altered", line.picture


def pictures_without_line(count: int) -> Iterator[Picture]:
    """Draws handwritten fields, printed words and other pictures that hold no line, by turns."""
    rng = np.random.default_rng(_SEEDS["nonlines"])
    draw_field = HandwritingSampler(part="validation", invented=_WRITERS).field
    others = nonfields.pictures(count, _SEEDS["nonlines"], draw_field)
    for number in range(count):
        if number % 3 == 0:
            yield "handwritten field", draw_field(rng)[0]
        elif number % 3 == 1:
            yield "printed", nonfields.printed(rng)
        else:
            yield next(others)


def _accepted(
    readers: dict[str, MicrRecognizer],
    thresholds: dict[str, list[Threshold]],
    pictures: Sequence[Picture],
) -> dict[str, Any]:
    """Counts pictures of each kind, those that hold symbols for a model, and those that it accepts at each bound."""
    models = {}
    encoded = [png(picture) for _, picture in pictures]
    for name, read in readers.items():
        predictions = [read([content])[0] for content in encoded]
        sure = [prediction.confidence for prediction in predictions if prediction.accepted]
        models[name] = {
            "read": sum(bool(prediction.text) for prediction in predictions),
            "accepted": [
                {
                    "max_error": entry.max_error,
                    "accepted": sum(confidence >= entry.threshold for confidence in sure),
                }
                for entry in thresholds[name]
            ],
            "at_any_confidence": len(sure),
        }
    return {
        "pictures": len(pictures),
        "kinds": dict(Counter(kind for kind, _ in pictures)),
        "models": models,
    }


def _milliseconds(read: Callable[[Sequence[bytes]], Any], count: int) -> dict[str, Any]:
    """Measures reading one encoded line, over `count` drawn ones."""
    rng, stock, times = np.random.default_rng(_SEEDS["timed"]), _stock(), []
    for _ in range(_WARM_UP + count):
        content = png(micr_lines.draw_line(rng, stock).picture)
        start = time.perf_counter()
        read([content])
        times.append(1e3 * (time.perf_counter() - start))
    times = times[_WARM_UP:]
    return {
        "lines": count,
        "p50": round(median(times), 3),
        "p90": round(quantiles(times, n=10)[-1], 3),
    }


def _recognizer(repository: Repository, name: str) -> MicrRecognizer:
    loaded = repository.load(name, "onnxruntime", 1)
    return replace(micr_recognizer(name, loaded.model, loaded.network), point=_ALL)


def _stock() -> PaperStock:
    return paper_stock(np.random.default_rng(0), _PAPERS)


if __name__ == "__main__":
    main()

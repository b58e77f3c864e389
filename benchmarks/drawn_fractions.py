"""What the released field model reads of American amounts whose cents are a fraction: `125 50/100` and `125 xx/100`.

    CHECKREADER_DATA=FOLDER .venv/bin/python -m benchmarks.drawn_fractions    # a minute; writes results/drawn_fractions.json

The fields are drawn (`pipeline/synthesis/generator.py`). Their digits are by hands that no training sees, MNIST's test
writers and UNIPEN's donors `app` and `ced`, and so are the marks that the latter wrote; crosses and the other marks are by
invented writers of a seed of their own. Number, forms and seed were fixed before the first model was trained that they
are to judge. A field is right where the amount is; the intervals are Clopper and Pearson's, 95 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import output
from benchmarks.lights import encode
from pipeline.metrics.calibration import interval
from pipeline.run import environment, write_json
from pipeline.synthesis import writers
from pipeline.synthesis.amount_text import AmountText, fraction, label
from pipeline.synthesis.generator import Generator, Sample, contact_sheet
from pipeline.synthesis.glyph_bank import GlyphSource
from pipeline.synthesis.pen_glyphs import pen_glyphs
from serving.decoding.field_string import field_format
from serving.errors import CheckreaderError
from serving.recognition.field_recognizer import FieldRecognizer, field_recognizer
from serving.recognition.fields import FieldPrediction
from serving.repository.store import Repository

MODEL: Final = "lenet5-field"
LOCALE: Final = "us"
COUNT: Final = 100
SEED: Final = 50_000_017  # of no training, validation or test
INVENTED: Final = 40  # writers of the marks that the others did not write
# On the line; numerator raised and denominator lowered beside a slash; over each other.
FORMS: Final = ("level", "slanted", "over hundred")
NUMERATORS: Final = ("digits", "crosses")
_DIGITS: Final = frozenset("0123456789")


@dataclass(frozen=True)
class FractionField:
    """A drawn field: its sample, its value, and what its fraction looks like, of `FORMS` and `NUMERATORS`."""

    sample: Sample
    amount: Decimal
    form: str
    numerator: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON, and a contact sheet if asked for."""
    description = "Measures what the released field model reads of American amounts with fractions."
    command = output.parser("drawn_fractions", description)
    command.add_argument("--sheet", type=Path, metavar="FILE", help="picture of all fields to write")
    options = command.parse_args(arguments)
    fields = list(draw(Generator(unseen_hands(), SEED)))
    if options.sheet:
        contact_sheet([field.sample for field in fields], columns=6).save(options.sheet)
    write_json(options.out, measure(fields) | {"environment": environment()})


def unseen_hands(folder: Path | None = None) -> list[GlyphSource]:
    """Opens the hands that no training sees, those that wrote every digit, and invents the writers of other marks.

    Args:
        folder: where the data sets lie, as for `pipeline.data.digits.load`.

    Raises:
        CheckreaderError: one of the data sets is not there.
    """
    pens = pen_glyphs(folder, "test")
    if pens is None:
        raise CheckreaderError("no UNIPEN in the data folder: set CHECKREADER_DATA")
    collected = [
        replace(source, writers=tuple(writer for writer in source.writers if set(writer.glyphs) >= _DIGITS))
        for source in (writers.mnist(folder, "test"), pens)
    ]
    return [writers.strokes(np.random.default_rng(SEED), INVENTED), *collected]


def draw(generator: Generator, count: int = COUNT) -> Iterator[FractionField]:
    """Draws the fields in turn by the sources of digits and in the forms; the numerators are digits in every other one."""
    sources = sorted(set(generator.writers) - {"strokes"}) or ["strokes"]
    for number in range(count):
        rng = np.random.default_rng([SEED, number])
        numerator = NUMERATORS[number % 2]
        source = sources[number // 2 % len(sources)]
        form = FORMS[number // 4 % len(FORMS)]
        text, amount = written(form, numerator, rng)
        yield FractionField(generator.field(text, rng, source), amount, form, numerator)


def written(form: str, numerator: str, rng: np.random.Generator) -> tuple[AmountText, Decimal]:
    """Invents an amount of one to four digits with its fraction; returns it with its value."""
    dollars = int(10 ** rng.uniform(0.5, 4))
    cents = int(rng.integers(100))
    units = f"{dollars:,}" if rng.random() < 0.6 else str(dollars)
    before = "$" if rng.random() < 0.3 else ""
    text = label(f"{before}{units} ") + fraction(form, "xx" if numerator == "crosses" else f"{cents:02}")
    return text, Decimal(dollars) + (Decimal(cents) / 100 if numerator == "digits" else 0)


def measure(fields: Sequence[FractionField]) -> dict[str, Any]:
    """Returns how many of the fields are read right, accepted, and accepted though wrong, by form and numerator."""
    repository = Repository.open()
    loaded = repository.load(MODEL)
    read = field_recognizer(MODEL, loaded.model, loaded.network, field_format("amount", locale=LOCALE))
    predictions = _read(read, fields)

    pairs = list(zip(fields, predictions, strict=True))
    return {
        "model": MODEL,
        "version": repository.model(MODEL).version,
        "locale": LOCALE,
        "seed": SEED,
        **counts(pairs),
        "forms": {form: counts([pair for pair in pairs if pair[0].form == form]) for form in FORMS},
        "numerators": {
            name: counts([pair for pair in pairs if pair[0].numerator == name]) for name in NUMERATORS
        },
    }


def counts(pairs: Sequence[tuple[FractionField, FieldPrediction]]) -> dict[str, Any]:
    """Counts the fields whose amount is right, those accepted, and those accepted with another amount."""
    right = sum(_right(*pair) for pair in pairs)
    accepted = [pair for pair in pairs if pair[1].accepted]
    return {
        "fields": len(pairs),
        "right": right,
        "accuracy": right / len(pairs) if pairs else None,
        "interval": interval(right, len(pairs)) if pairs else None,
        "accepted": len(accepted),
        "accepted_wrong": sum(not _right(*pair) for pair in accepted),
    }


def _read(read: FieldRecognizer, fields: Sequence[FractionField]) -> list[FieldPrediction]:
    return [read([encode(field.sample.picture)])[0] for field in fields]


def _right(field: FractionField, prediction: FieldPrediction) -> bool:
    return prediction.amount is not None and Decimal(prediction.amount) == field.amount


if __name__ == "__main__":
    main()

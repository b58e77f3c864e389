"""Writes the chapter on the field network: its layers, and one drawn field as it reads it, step by step."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from pipeline.evaluation.field_run import FAMILIES
from pipeline.export.formats import FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.networks import lenet5_field, spec
from pipeline.networks.lenet5_field import SLIDING
from pipeline.report import plots
from pipeline.report.field_run_data import FieldRunData
from pipeline.report.html import Block, Chapter, Heading, Plot, Table, Text
from pipeline.synthesis.sampler import HandwritingSampler
from serving.decoding.alphabet import Alphabet
from serving.images.codec import Gray
from serving.images.digit import tensor
from serving.images.sliding_window import center, pad, padded_width, steps

_WRITERS: Final = 8  # invented ones, whom training never saw
_DRAWN: Final = 60  # fields to choose the example from
_LENGTHS: Final = range(5, 9)  # symbols that show enough and still fit
_LEVELS: Final = (64, 128, 192)  # of ink, each drawn over the one before
_SEEN: Final = 0.02  # a probability that is drawn
_WIDTH: Final = 8.6  # inches of the picture
_MARGIN: Final = 0.8  # of that, beside its axes
_STEPS_HEIGHT: Final = 3.4  # inches of the probabilities

Floats = npt.NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A drawn field and what the network makes of it.

    Attributes:
        pixels: uint8 [32, w], normalized, 255 = ink.
        text: what was drawn, in the network's symbols.
        probabilities: float32 [T, K] of the field's steps.
    """

    pixels: Gray
    text: str
    probabilities: Floats

    @property
    def best(self) -> list[int]:
        """The best class of each step."""
        return [int(label) for label in self.probabilities.argmax(1)]


def chapter(run_data: FieldRunData) -> Chapter:
    """Returns the chapter of a run."""
    example, alphabet = draw_example(run_data), run_data.alphabet
    width = padded_width(example.pixels.shape[1], SLIDING)
    rows = lenet5_field.table(width, alphabet.blank + 1)
    totals = {
        "parameters": sum(row.parameters for row in rows),
        "multiply_accumulates": sum(row.multiply_accumulates for row in rows),
    }
    table = [
        (
            row.name.upper() if row.name != "logits" else "logits",
            row.kind,
            "×".join(map(str, row.shape)),
            f"{row.parameters:,}" if row.parameters else "nothing to learn",
            f"{row.multiply_accumulates:,}" if row.multiply_accumulates else "",
            f"{row.receptive_field}",
        )
        for row in rows
    ]
    return Chapter(
        "network",
        "The network",
        [
            Text(
                "It is LeNet-5, slid over a whole amount, number or date. A field is normalized to "
                f"{SLIDING.height} rows, and every step of the network sees {SLIDING.receptive} columns of it: a digit and half of "
                f"each neighbor. The next step lies {SLIDING.stride} columns to the right. Convolutions share what neighboring "
                "steps have in common, so that nothing is computed twice and a field may have any width."
            ),
            Table(
                ("layer", "kind", "rows × columns × maps", "parameters", "MACs", "columns seen"),
                table,
                f"The layers, for the {width} columns of the field below with paper on both sides: "
                f"{totals['parameters']:,} parameters, {totals['multiply_accumulates']:,} MACs.",
                left=2,
            ),
            *_example(example, alphabet),
        ],
        totals,
    )


def draw_example(run_data: FieldRunData) -> Example:
    """Draws fields by hands that training did not see; returns the first of some length that every step's best symbol spells."""
    row = get(FAMILIES[spec.FIELD.model], "field")
    infer = predictor(row, run_data.run / FOLDER / row.file)
    sampler = HandwritingSampler(part="validation", invented=_WRITERS)
    examples = []
    for pixels, drawn in sampler(np.random.default_rng([run_data.train.config["seed"], 17]), _DRAWN):
        text = lenet5_field.translate(drawn, run_data.alphabet)
        if len(text) not in _LENGTHS or len(text) < len(
            drawn
        ):  # a mark is drawn that the network has no symbol for
            continue
        width = pixels.shape[1]
        image = tensor(pad([pixels], padded_width(width, SLIDING), SLIDING))
        examples.append(Example(pixels, text, np.asarray(infer(image))[0, : steps(width, SLIDING)]))
        if collapse(examples[-1].best, run_data.alphabet) == text:
            return examples[-1]
    return examples[0]


def collapse(best: list[int], alphabet: Alphabet) -> str:
    """Returns what the best classes of all steps spell: of repeated ones the first, without blanks."""
    return alphabet.text([label for label, _ in itertools.groupby(best) if label != alphabet.blank])


def _example(example: Example, alphabet: Alphabet) -> list[Block]:
    spelled = collapse(example.best, alphabet) or "nothing"
    path = "".join("–" if label == alphabet.blank else alphabet.symbols[label] for label in example.best)
    return [
        Heading("One field, step by step"),
        Plot(
            "steps",
            _draw(example, alphabet),
            f"Above: a field that was drawn by code, {example.text}, normalized; the frame is what one step sees. Below: the "
            f"probabilities of all {len(example.best)} steps, the darker the higher. Each step speaks of the column in the "
            "middle of what it sees.",
            f"A drawn field that says {example.text}, and the probability of every symbol at each of {len(example.best)} steps",
            wide=True,
        ),
        Text(
            "Between two symbols, and wherever nothing is in the middle, the network answers blank. The best answers of all "
            f"steps are {path}, where – is a blank. Of equal neighbors one counts, then blanks are left out: {spelled}. The "
            "blank in between keeps two equal digits apart. What is read in the end is the likeliest string over all ways "
            "to spell it (connectionist temporal classification, CTC), among those that the kind of field allows."
        ),
    ]


def _draw(example: Example, alphabet: Alphabet) -> str:
    names = [*alphabet.symbols, "blank"]
    high, wide = example.pixels.shape
    framed = _middle_symbol(example, alphabet)
    middle, half = center(framed, SLIDING), SLIDING.receptive / 2
    # The field stands above its steps, column for column, at the scale that makes its pixels square.
    ink_height = (_WIDTH - _MARGIN) * (high + 2) / (wide + 2 * half)
    with plots.drawing(
        _WIDTH, ink_height + _STEPS_HEIGHT + 0.6, 2, 1, sharex=True, height_ratios=(ink_height, _STEPS_HEIGHT)
    ) as (figure, (above, below)):
        _draw_ink(above, example.pixels)
        above.add_patch(
            Rectangle(
                (middle - half, 0), SLIDING.receptive, high, fill=False, lw=1.5, ec=plots.color("orange")
            )
        )
        above.set(ylim=(high + 1, -1))
        above.axis("off")
        for (step, label), probability in np.ndenumerate(example.probabilities):
            if probability >= _SEEN:
                left = center(step, SLIDING) - SLIDING.stride / 2
                below.add_patch(
                    Rectangle(
                        (left, label - 0.45),
                        SLIDING.stride,
                        0.9,
                        fc=plots.color("muted" if label == alphabet.blank else "blue"),
                        alpha=float(probability),
                        lw=0,
                    )
                )
        below.axvline(middle, color=plots.color("orange"), lw=1.5, ls=(0, (2, 2)))
        below.set(
            xlim=(-half, wide + half), ylim=(len(names) - 0.4, -0.6), xlabel="column of the normalized field"
        )
        below.set_yticks(range(len(names)), names)
        return plots.svg(figure, "steps")


def _middle_symbol(example: Example, alphabet: Alphabet) -> int:
    """Returns the step next to the field's middle whose best class is a symbol; the middle one where there is none."""
    middle = (len(example.best) - 1) / 2
    symbols = [step for step, label in enumerate(example.best) if label != alphabet.blank]
    return min(symbols, key=lambda step: abs(step - middle), default=round(middle))


def _draw_ink(axes: Axes, pixels: Gray) -> None:
    """Draws ink as areas, which take the page's color where an image could not."""
    for level in _LEVELS:
        corners: list[tuple[float, float]] = []
        for y, row in enumerate(pixels >= level):
            edges = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
            for left, right in edges.reshape(-1, 2):
                corners += [(left, y), (right, y), (right, y + 1), (left, y + 1), (left, y)]
        if not corners:
            continue
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
        axes.add_patch(PathPatch(Path(corners, codes), fc=plots.color("ink"), alpha=0.5, lw=0))

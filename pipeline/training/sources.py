"""Opens the sources that a config mixes: a data set, UNIPEN's digits and invented writers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.config import TrainConfig
from pipeline.data import mixture
from pipeline.data.digits import Dataset, Split
from pipeline.data.mixture import Mixture
from pipeline.synthesis.drawn_digits import invented_source, pen_source


def load(
    config: TrainConfig, data: Dataset, folder: Path | None, saved: Callable[[], None] = lambda: None
) -> Mixture:
    """Opens the sources; those that are drawn are drawn once and stored.

    Args:
        config: the shares, and how often each digit is drawn.
        data: takes the rest of the shares.
        folder: where UNIPEN lies, as for `pipeline.data.unipen.locate`; without it the data set is alone, and a line
            says so.
        saved: called whenever something was stored.

    Raises:
        CheckreaderError: UNIPEN is damaged.
    """
    if not (config.unipen or config.invented):
        return mixture.alone(data)
    pens = pen_source(folder, config.unipen, config.passes, saved)
    if pens is None:
        print(
            f"UNIPEN not found: training on {data.name.upper()} alone, so crossed sevens, open fours, looped twos and "
            "other hands than American ones are read less surely (docs/pipeline.md)",
            file=sys.stderr,
            flush=True,
        )
        return mixture.alone(data)
    invented = invented_source(config.invented, config.passes, saved)
    first = mixture.source(data, 1 - config.unipen - config.invented)
    return Mixture((first, pens, invented))


def other_hands(config: TrainConfig, folder: Path | None) -> dict[str, Split]:
    """Opens the validation digits of the drawn sources by name, to measure with; none is drawn to train on.

    Args:
        config: a run's; the built-in digits and own data mix nothing, and are measured by themselves.
        folder: where UNIPEN lies; without it only invented writers are there.

    Raises:
        CheckreaderError: UNIPEN is damaged.
    """
    if not (config.unipen or config.invented):
        return {}
    pens = pen_source(folder, config.unipen, 0)
    return {**(pens.validation if pens else {}), **invented_source(config.invented, 0).validation}

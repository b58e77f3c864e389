"""Says where a drawn field comes from: what is written, with which tool, on what, and what captures it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.synthesis import capture
from pipeline.synthesis.amount_text import AmountText, random_text
from pipeline.synthesis.form_text import cell_text, fraction_text
from pipeline.synthesis.scanner import BALLPOINT, FELT_PEN, PENCIL, Tool


@dataclass(frozen=True)
class Scene:
    """A kind of field.

    Attributes:
        share: of the fields.
        text: invents what is written.
        tools: with the share of each.
        device: what captures it; None = a gray scanner, as `pipeline.synthesis.scanner` draws it.
        clutter: as for `pipeline.synthesis.scanner.scan`.
        cell: whether it is a form's cell, with its borders and wide margins.
    """

    share: float
    text: Callable[[np.random.Generator], AmountText]
    tools: tuple[tuple[Tool, float], ...]
    device: capture.Device | None
    clutter: float = 1.0
    cell: bool = False


_PENS: Final = ((BALLPOINT, 0.9), (FELT_PEN, 0.1))
SCENES: Final[dict[str, Scene]] = {
    "check": Scene(0.43, random_text, _PENS, None),
    "fraction": Scene(0.09, fraction_text, _PENS, None),
    "archive": Scene(0.12, random_text, _PENS, capture.archive, 0.25),
    "fax": Scene(0.04, random_text, _PENS, capture.fax, 0.1),
    "phone": Scene(0.12, random_text, ((BALLPOINT, 0.75), (FELT_PEN, 0.1), (PENCIL, 0.15)), capture.phone, 0.6),
    "coarse": Scene(0.05, random_text, _PENS, capture.coarse, 0.5),
    "fine": Scene(0.04, random_text, _PENS, capture.fine, 0.8),
    "cell": Scene(0.11, cell_text, ((BALLPOINT, 0.3), (PENCIL, 0.7)), capture.coarse, 0.05, cell=True),
}  # fmt: skip


def choose(rng: np.random.Generator) -> str:
    """Draws a scene's name by the scenes' shares."""
    shares = np.cumsum([scene.share for scene in SCENES.values()])
    return list(SCENES)[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def choose_tool(scene: Scene, rng: np.random.Generator) -> Tool:
    """Draws one of a scene's tools."""
    chance = rng.random()
    for tool, share in scene.tools:
        chance -= share
        if chance < 0:
            return tool
    return tool

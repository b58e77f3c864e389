"""Keeps and restores all variables of a model and its optimizer, so that training goes on after an interruption.

A checkpoint counts what is done: epochs, or steps, and what else a stage needs to go on.
"""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.run import replacing
from serving.errors import CheckreaderError


@dataclasses.dataclass(frozen=True)
class Schedule:
    """States where a training keeps its checkpoint, and when.

    Attributes:
        path: `.npz`; a training goes on from what it finds there.
        settings: what decides the training.
        every: steps between two checkpoints.
        saved: called after each.
    """

    path: Path
    settings: str
    every: int
    saved: Callable[[], None] = lambda: None


class Checkpoints(keras.callbacks.Callback):
    """Writes a checkpoint after each epoch, then calls `saved`."""

    def __init__(self, path: Path, settings: str, saved: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.path, self.settings, self.saved = path, settings, saved

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        save(self.path, self.model, self.settings, epoch + 1)
        self.saved()


def save(path: Path, model: Any, settings: str, *counts: int) -> None:
    """Writes all variables, atomically.

    Args:
        path: `.npz`.
        model: compiled, its optimizer built.
        settings: what decides the training, to be compared when it goes on.
        counts: how many epochs or steps were finished, and what else is to be known.
    """
    arrays = {f"v{i}": variable.numpy() for i, variable in enumerate(_variables(model))}
    with replacing(path) as temporary:
        np.savez(temporary, config=settings, epoch=counts, **arrays)


def restore(path: Path, model: Any, settings: str, remedy: str = "train without --resume") -> int:
    """Restores a checkpoint; returns the first of its counts, 0 if there is no checkpoint; see `restore_counts`."""
    counts = restore_counts(path, model, settings, remedy)
    return counts[0] if counts else 0


def restore_counts(
    path: Path, model: Any, settings: str, remedy: str = "train without --resume"
) -> tuple[int, ...]:
    """Restores a checkpoint; returns its counts, none if there is no checkpoint.

    Args:
        path, model, settings: as for `save`.
        remedy: what a user does about an error.

    Raises:
        CheckreaderError: the file is damaged, or of other settings.
    """
    if not path.exists():
        return ()
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            if str(file["config"]) != settings:
                raise CheckreaderError(
                    f"{path}: written with another config or other data: {remedy}, or use those it names"
                )
            for i, variable in enumerate(_variables(model)):
                variable.assign(file[f"v{i}"])
            return tuple(np.atleast_1d(file["epoch"]).tolist())
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckreaderError(f"{path}: damaged checkpoint ({error}): {remedy}") from None


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]

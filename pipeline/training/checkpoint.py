"""Keeps and restores all variables of a model and its optimizer, so that training goes on after an interruption."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.run import replacing
from serving.errors import CheckreaderError


class Checkpoints(keras.callbacks.Callback):
    """Writes a checkpoint after each epoch, then calls `saved`."""

    def __init__(self, path: Path, settings: str, saved: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.path, self.settings, self.saved = path, settings, saved

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        save(self.path, self.model, self.settings, epoch + 1)
        self.saved()


def save(path: Path, model: Any, settings: str, epoch: int) -> None:
    """Writes all variables, atomically.

    Args:
        path: `.npz`.
        model: compiled, its optimizer built.
        settings: what decides the training, to be compared when it goes on.
        epoch: how many epochs were finished.
    """
    arrays = {f"v{i}": variable.numpy() for i, variable in enumerate(_variables(model))}
    with replacing(path) as temporary:
        np.savez(temporary, config=settings, epoch=epoch, **arrays)


def restore(path: Path, model: Any, settings: str, remedy: str = "train without --resume") -> int:
    """Restores a checkpoint; returns the number of its epochs, 0 if there is no checkpoint.

    Args:
        path, model, settings: as for `save`.
        remedy: what a user does about an error.

    Raises:
        CheckreaderError: the file is damaged, or of other settings.
    """
    if not path.exists():
        return 0
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            if str(file["config"]) != settings:
                raise CheckreaderError(
                    f"{path}: written with another config or other data: {remedy}, or use those it names"
                )
            for i, variable in enumerate(_variables(model)):
                variable.assign(file[f"v{i}"])
            return int(file["epoch"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckreaderError(f"{path}: damaged checkpoint ({error}): {remedy}") from None


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]

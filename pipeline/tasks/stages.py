"""The stages that are the same for every task, and the type of a task's entry in the table."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.export.formats import models
from pipeline.records import TrainRecord
from pipeline.run import Run
from serving.images.codec import Gray
from serving.manifest import READING, Manifest, Model
from serving.repository.store import uncertified_line

if TYPE_CHECKING:
    from pipeline.release.artifacts import TaskRelease

# Before TensorFlow: its notices are no news to the user, and its failures raise exceptions anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_QUANTIZED: Final = 11  # a run's seed with these draws the pictures that ranges are measured on,
_VERIFIED: Final = 13  # and those that formats are compared on

Answer = tuple[dict[str, Any], str]  # the record, and its lines for the screen
Stage = Callable[[Run, Namespace], Answer]
Draw = Callable[[list[int]], Sequence[Gray]]  # a seed → normalized pictures of any width


@dataclasses.dataclass(frozen=True)
class TaskStages:
    """States what the commands do with a run of a task.

    Attributes:
        run_name: options → the run's name where none is given.
        stages: each stage by its command's name.
        next: the stage that comes after each, with the options that it needs.
    """

    run_name: Callable[[Namespace], str]
    stages: Mapping[str, Stage]
    next: Mapping[str, str]


def load_tensorflow() -> None:
    """Imports TensorFlow without its dozen lines about GPUs and its own internals on standard error.

    A stage calls this when it has checked everything else that could be wrong: it takes seconds.
    """
    saved = os.dup(2)
    try:
        # Below Python: the lines come from C++, before any log level counts. What this process says itself is shown.
        with (
            Path(os.devnull).open("wb") as nowhere,
            open(saved, "w", closefd=False) as screen,
            contextlib.redirect_stderr(screen),
        ):
            os.dup2(nowhere.fileno(), 2)
            import tensorflow as tf
    finally:
        os.dup2(saved, 2)
        os.close(saved)
    tf.get_logger().setLevel("ERROR")


def quantize_by_drawn(run: Run, draw: Draw) -> Answer:
    """Makes the 8-bit version of a network that slides, by pictures that are drawn."""
    seed = run.read(TrainRecord).config["seed"]
    load_tensorflow()
    from pipeline.quantization import field as quantization

    config = quantization.FieldQuantizeConfig(seed=seed)
    record = quantization.quantize(run, config, draw([seed, _QUANTIZED]))
    same = record["metrics"]["same_best_symbol"]
    return record, f"{run.path}: at {same:.2%} of {record['metrics']['steps']:,} steps the same best symbol"


def verify_by_drawn(run: Run, options: Namespace, draw: Draw) -> Answer:
    """Compares the formats of a network that slides on pictures that are drawn, or explains where two differ."""
    seed = run.read(TrainRecord).config["seed"]
    load_tensorflow()
    return compare(run, options, draw([seed, _VERIFIED]))


def compare(run: Run, options: Namespace, pictures: Any) -> Answer:
    """Compares a run's formats on pictures, or explains where two differ; TensorFlow is loaded."""
    from pipeline.verification import agreement, verify

    if options.explain:
        left, right = options.explain
        explanation = verify.explain(run, left, right, pictures)
        return explanation, agreement.explanation(explanation)
    record = verify.verify(run, pictures)
    return record, agreement.summary(record)


def export(run: Run, options: Namespace) -> Answer:
    """Writes every format; the exporter says on standard error how far it is."""
    for stage in ("train", "quantize"):
        run.require(stage)
    load_tensorflow()
    from pipeline.export.export import export

    return export(run), ""


def release(run: Run, options: Namespace, task_release: TaskRelease) -> Answer:
    """Releases a run, as its task's release states."""
    from pipeline.release import models_folder

    run.records()
    models_folder.require_room(options.models)
    load_tensorflow()
    from pipeline.release.release import release

    record = release(run, options.models, task_release, options.keep)
    manifest = msgspec.convert(record, Manifest)
    released = {
        name: manifest.models[name] for name in manifest.models if name in models(task_release.task.name)
    }
    others = [name for name in manifest.models if name not in released]
    listing = ", ".join(f"{name} version {model.version}" for name, model in released.items())
    beside = f"; as before: {', '.join(others)}" if others else ""
    thresholds = {name: model.thresholds for name, model in released.items() if model.task in READING}
    line = f"{options.models}: released {listing} from {run.path}{beside}"
    return record, lines(line, uncertified(thresholds))


def roll_back(models: Path) -> Answer:
    """Brings back the release before the last change of a models folder, and says what holds now."""
    from pipeline.release.roll_back import roll_back

    released = roll_back(models).models
    listing = (
        f"  {name} version {model.version}{_bounds(model) if model.task in READING else ''}"
        for name, model in released.items()
    )
    record = {
        "models": {name: model.version for name, model in released.items()},
        "thresholds": {name: msgspec.to_builtins(model.thresholds) for name, model in released.items()},
    }
    return record, lines(f"{models}: as before its last change:", *listing)


def _bounds(model: Model) -> str:
    """Returns a model's error bounds, each with its threshold, as the rest of a line."""
    thresholds = sorted(model.thresholds, key=lambda entry: entry.max_error)
    bounds = [f"max_error {entry.max_error} from confidence {entry.threshold:.4f}" for entry in thresholds]
    return f": {'; '.join(bounds) or 'no error bound is certified'}"


def serve_command(models: Path) -> str:
    """Returns the command that serves a models folder."""
    return f"checkreader serve --models {shlex.quote(str(models))}"


def lines(*parts: str | None) -> str:
    """Joins the lines that there are."""
    return "\n".join(part for part in parts if part)


def uncertified(thresholds: Mapping[str, Sequence[object]]) -> str | None:
    """Says which models have no certified error bound; None: each has thresholds."""
    names = [name for name, entries in thresholds.items() if not entries]
    return uncertified_line(names) if names else None

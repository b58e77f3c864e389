"""The stages that are the same for every task, and the type of a task's entry in the table."""

from __future__ import annotations

import dataclasses
import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.run import Run

if TYPE_CHECKING:
    from pipeline.release.artifacts import TaskRelease

# Before TensorFlow: its notices are no news to the user, and its failures raise exceptions anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Answer = tuple[dict[str, Any], str]  # the record, and its lines for the screen
Stage = Callable[[Run, Namespace], Answer]


@dataclasses.dataclass(frozen=True)
class TaskStages:
    """States what the commands do with a run of a task.

    Attributes:
        run_name: options → the run's name where none is given.
        stages: each stage by its command's name.
    """

    run_name: Callable[[Namespace], str]
    stages: Mapping[str, Stage]


def load_tensorflow() -> None:
    """Imports TensorFlow without its dozen lines about GPUs and its own internals on standard error.

    A stage calls this when it has checked everything else that could be wrong: it takes seconds.
    """
    saved = os.dup(2)
    try:
        # Below Python: the lines come from C++, before any log level counts.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        import tensorflow as tf
    finally:
        os.dup2(saved, 2)
        os.close(saved)
    tf.get_logger().setLevel("ERROR")


def export(run: Run, options: Namespace) -> Answer:
    """Writes every format; the exporter says on standard error how far it is."""
    for stage in ("train", "quantize"):
        run.require(stage)
    load_tensorflow()
    from pipeline.export.export import export

    return export(run), ""


def release(run: Run, options: Namespace, task_release: TaskRelease) -> Answer:
    """Releases a run, as its task's release states."""
    run.records()
    load_tensorflow()
    from pipeline.release.release import release

    manifest = release(run, options.models, task_release, options.keep)
    return manifest, f"{options.models}: released {', '.join(manifest['models'])} from {run.path}"

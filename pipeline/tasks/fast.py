"""The stages of a folded network's run: those of a digit run, but for its release."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from pipeline.run import Run
from pipeline.tasks import digit, stages
from pipeline.tasks.stages import Answer, TaskStages


def release(run: Run, options: Namespace) -> Answer:
    """Puts the folded models into the release."""
    from pipeline.release import fast

    return stages.release(run, options, fast.RELEASE)


TASK: Final = TaskStages(digit.run_name, {**digit.TASK.stages, "release": release}, digit.TASK.next)

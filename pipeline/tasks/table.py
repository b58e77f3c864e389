"""The table of tasks: name of a task, as `pipeline.networks.spec` has it → its stages."""

from __future__ import annotations

from typing import Final

from pipeline.tasks import check, digit, field, micr
from pipeline.tasks.stages import TaskStages

TASKS: Final[dict[str, TaskStages]] = {
    "digit": digit.TASK,
    "field": field.TASK,
    "micr": micr.TASK,
    "check": check.TASK,
}

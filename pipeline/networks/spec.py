"""Describes the networks of the tasks `digit`, `field` and `fast` for the stages after training.

A run has one task, named in its `train.json`; a record that names none is a digit's. A digit's network whose
pooling folds into its convolutions (`pipeline.networks.folded`) makes the run a `fast` one: other layers, other models.
Importing this needs neither TensorFlow nor any runtime.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final, Literal

from pipeline.networks import folded, lenet5, lenet5_field
from pipeline.networks.lenet5 import LayerRow
from pipeline.records import TrainRecord
from pipeline.run import Run
from serving.errors import CheckreaderError

Name = Literal["digit", "field", "fast"]


@dataclasses.dataclass(frozen=True)
class Task:
    """A network's input, output and layers.

    Attributes:
        name: the task's name.
        model, int8: names of the float model and of the 8-bit one.
        height, width: of the input, in pixels; a width of None is any.
        classes: how many symbols the output has probabilities for.
        layers: names of the layers in order; each is one operator in every format.
        table: function from a picture's width to the table of layers.
    """

    name: Name
    model: str
    int8: str
    height: int
    width: int | None
    classes: int
    layers: tuple[str, ...]
    table: Callable[[int], list[LayerRow]]

    @property
    def image(self) -> tuple[int | None, int, int | None, int]:
        """Shape of the input, [N, H, W, 1]; None is any size."""
        return (None, self.height, self.width, 1)

    def output_shape(self, count: int, width: int) -> tuple[int, ...]:
        """Returns the output's shape for `count` pictures: (N, classes), or (N, steps, classes)."""
        if self.width is not None:
            return (count, self.classes)
        sliding = lenet5_field.SLIDING
        return (count, (width - sliding.receptive) // sliding.stride + 1, self.classes)


DIGIT: Final = Task(
    "digit",
    "lenet5",
    "lenet5-int8",
    lenet5.SIDE,
    lenet5.SIDE,
    lenet5.CLASSES,
    lenet5.LAYERS,
    lambda width: lenet5.table(),
)
FIELD: Final = Task(
    "field",
    "lenet5-field",
    "lenet5-field-int8",
    lenet5_field.SLIDING.height,
    None,
    lenet5_field.CLASSES,
    tuple(row.name for row in lenet5_field.table()),
    lenet5_field.table,
)
FAST: Final = Task(
    "fast",
    "lenet5-fast",
    "lenet5-fast-int8",
    lenet5.SIDE,
    lenet5.SIDE,
    lenet5.CLASSES,
    folded.LAYERS,
    lambda width: folded.table(),
)
TASKS: Final[dict[str, Task]] = {task.name: task for task in (DIGIT, FIELD, FAST)}
_TRAINED: Final = ("digit", "field")  # what a `train` record may name


def task_of_record(record: TrainRecord) -> Task:
    """Returns the task of a `train` record.

    Raises:
        CheckreaderError: this version does not know the task.
    """
    if record.task not in _TRAINED:
        raise CheckreaderError(f"train.json: unknown task {record.task!r}: expected {' or '.join(_TRAINED)}")
    if record.task == "digit" and record.config.get("network") == dataclasses.asdict(folded.OPTIONS):
        return FAST
    return TASKS[record.task]


def task_of_run(run: Run) -> Task:
    """Returns the task of a trained run.

    Raises:
        CheckreaderError: `train` was not run, its files have changed, or this version does not know the task.
    """
    return task_of_record(run.read(TrainRecord))

"""Describes the networks of the tasks `digit`, `field`, `micr` and `check` for the stages after training.

A run has one task, named in its `train.json`; a record that names none is a digit's. A digit's network has two views:
the folded one (`pipeline.networks.folded`), which is deployed, and the one with pooling of its own
(`pipeline.networks.lenet5`), which is trained. A network whose pooling does not fold has the second alone. Which one a
file holds is seen from the number of its layers. Importing this needs neither TensorFlow nor any runtime.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Final, Literal

from pipeline.networks import check_fields, folded, lenet5, lenet5_field, lenet5_micr
from pipeline.networks.check_fields import GridNetwork
from pipeline.networks.lenet5 import LayerRow
from pipeline.networks.sliding_network import SlidingNetwork
from pipeline.records import TrainRecord
from pipeline.run import Run
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.errors import CheckreaderError
from serving.manifest import Sliding

Name = Literal["digit", "field", "micr", "check"]

# Of a field, where any will do.
_COLUMNS: Final = 128
_CLASSES: Final = lenet5_field.CLASSES
_BEFORE_ALPHABETS: Final = Alphabet(DIGITS + EITHER)  # of field networks whose record names none


@dataclasses.dataclass(frozen=True)
class Task:
    """A network's input, output and layers.

    Attributes:
        name: the task's name.
        model, int8: names of the float model and of the 8-bit one.
        height, width: of the input, in pixels; a width of None is any.
        views: of the network, the deployed one first: each a function from a picture's width and the output's
            number of classes to the table of layers. A layer is one operator in every format.
        network: that slides, or that answers for the parts of a picture; None: the network reads one digit.
    """

    name: Name
    model: str
    int8: str
    height: int
    width: int | None
    views: tuple[Callable[[int, int], list[LayerRow]], ...]
    network: SlidingNetwork | GridNetwork | None = None

    @property
    def sliding(self) -> Sliding:
        """The geometry of a network that slides."""
        assert isinstance(self.network, SlidingNetwork)
        return self.network.sliding

    @property
    def image(self) -> tuple[int | None, int, int | None, int]:
        """Shape of the input, [N, H, W, 1]; None is any size."""
        return (None, self.height, self.width, 1)

    def output_shape(self, count: int, width: int, classes: int) -> tuple[int, ...]:
        """Returns the output's shape for `count` pictures: (N, classes), or (N, steps, classes)."""
        if self.network is None:
            return (count, classes)
        if isinstance(self.network, GridNetwork):
            return (count, self.network.steps, classes)
        sliding = self.sliding
        return (count, (width - sliding.receptive) // sliding.stride + 1, classes)

    def output_classes(self, count: int, width: int, values: int) -> int:
        """Returns the number of classes of an output that has as many `values` for `count` pictures."""
        return values // math.prod(self.output_shape(count, width, 1))

    def table(self, count: int, width: int | None = None, classes: int | None = None) -> list[LayerRow]:
        """Returns the table of the view that has `count` layers.

        Args:
            count: how many layers a file has.
            width: of the picture; None: any, where shapes do not matter.
            classes: of the output; None: any.

        Raises:
            CheckreaderError: no view has as many.
        """
        tables = [view(width or _COLUMNS, classes or _CLASSES) for view in self.views]
        for rows in tables:
            if len(rows) == count:
                return rows
        expected = " or ".join(f"{len(rows)}: {', '.join(row.name for row in rows)}" for rows in tables)
        raise CheckreaderError(f"{count} layers, expected LeNet-5's {expected}")

    def layers(self, count: int) -> tuple[str, ...]:
        """Returns the names of the layers, in order, of the view that has `count`.

        Raises:
            CheckreaderError: no view has as many.
        """
        return tuple(row.name for row in self.table(count))

    @property
    def layer_names(self) -> frozenset[str]:
        """The names of all views' layers."""
        return frozenset(row.name for view in self.views for row in view(_COLUMNS, _CLASSES))


DIGIT: Final = Task(
    "digit",
    "lenet5",
    "lenet5-int8",
    lenet5.SIDE,
    lenet5.SIDE,
    (lambda width, classes: folded.table(), lambda width, classes: lenet5.table()),
)
FIELD: Final = Task(
    "field",
    "lenet5-field",
    "lenet5-field-int8",
    lenet5_field.SLIDING.height,
    None,
    (lenet5_field.table,),
    lenet5_field.NETWORK,
)
MICR: Final = Task(
    "micr",
    "lenet5-micr",
    "lenet5-micr-int8",
    lenet5_micr.NETWORK.sliding.height,
    None,
    (lenet5_micr.NETWORK.table,),
    lenet5_micr.NETWORK,
)
CHECK: Final = Task(
    "check",
    check_fields.NETWORK.name,
    f"{check_fields.NETWORK.name}-int8",
    check_fields.NETWORK.height,
    check_fields.NETWORK.width,
    (check_fields.NETWORK.table,),
    check_fields.NETWORK,
)
TASKS: Final[dict[str, Task]] = {task.name: task for task in (DIGIT, FIELD, MICR, CHECK)}


def task_of_record(record: TrainRecord) -> Task:
    """Returns the task of a `train` record.

    Raises:
        CheckreaderError: this version does not know the task.
    """
    if record.task not in TASKS:
        raise CheckreaderError(f"train.json: unknown task {record.task!r}: expected {' or '.join(TASKS)}")
    return TASKS[record.task]


def alphabet(record: TrainRecord) -> Alphabet:
    """Returns the alphabet of a field network, from its `train` record."""
    return Alphabet(record.alphabet) if record.alphabet else _BEFORE_ALPHABETS


def classes(record: TrainRecord) -> int:
    """Returns how many classes the network's output has probabilities for, from its `train` record."""
    network = task_of_record(record).network
    if isinstance(network, GridNetwork):
        return network.classes
    return alphabet(record).blank + 1 if network else lenet5.CLASSES


def task_of_run(run: Run) -> Task:
    """Returns the task of a trained run.

    Raises:
        CheckreaderError: `train` was not run, its files have changed, or this version does not know the task.
    """
    return task_of_record(run.read(TrainRecord))

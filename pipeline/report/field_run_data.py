"""Holds what every chapter of a field run's report needs: its records and what it was evaluated on."""

from __future__ import annotations

import dataclasses

from pipeline.evaluation import evaluated_sets
from pipeline.evaluation.evaluated_sets import EvaluatedSet
from pipeline.networks import spec
from pipeline.records import ExportRecord, FieldMeasures, TrainRecord
from pipeline.run import Run
from serving.decoding.alphabet import Alphabet


@dataclasses.dataclass(frozen=True)
class FieldRunData:
    """An exported run of fields.

    Attributes:
        run: the run's folder.
        train: the record of its training.
        sets: what it was evaluated on, as exported and calibrated now.
        outdated: names of the sets that it was evaluated on before that.
    """

    run: Run
    train: TrainRecord
    sets: tuple[EvaluatedSet, ...]
    outdated: tuple[str, ...]

    @classmethod
    def of(cls, run: Run) -> FieldRunData:
        """Reads a run.

        Raises:
            CheckreaderError: it was not trained or not exported, or one of its files changed.
        """
        train = run.read(TrainRecord)
        run.read(ExportRecord)
        sets, basis = evaluated_sets.load(run), evaluated_sets.basis(run)
        return cls(
            run,
            train,
            tuple(entry for entry in sets if entry.basis == basis),
            tuple(entry.name for entry in sets if entry.basis != basis),
        )

    @property
    def alphabet(self) -> Alphabet:
        """The network's symbols."""
        return spec.alphabet(self.train)

    @property
    def cross_validated(self) -> FieldMeasures | None:
        """The measures of the training's cross-validation; None where it saw no labeled fields."""
        return self.train.cross_validation.pooled if self.train.cross_validation else None

    @property
    def evaluate_command(self) -> str:
        """The command that evaluates the run on a set."""
        return f"{self.run.command('evaluate')} --data FOLDER"

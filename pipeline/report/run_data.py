"""Holds what every chapter needs: a finished run's records, network, data and predictions."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.data.digits import Dataset
from pipeline.evaluation.digit import FAMILIES
from pipeline.export.formats import FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.networks.lenet5 import LAYERS
from pipeline.records import BenchmarkRecord, EvaluateRecord, ExportRecord, TrainRecord, VerifyRecord
from pipeline.run import WEIGHTS, Run
from serving.images.digit import tensor

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class RunRecords:
    """The records of the stages that the report covers."""

    train: TrainRecord
    export: ExportRecord
    verify: VerifyRecord
    evaluate: EvaluateRecord
    benchmark: BenchmarkRecord


@dataclasses.dataclass(frozen=True, eq=False)
class RunData:
    """A finished run of digits.

    Attributes:
        run: the run's folder.
        dataset: its training data.
        records: of its stages.
        comparisons: the record of `architecture_training.compare`.
        model: Keras, pixels → logits, as it was trained and not calibrated.
    """

    run: Run
    dataset: Dataset
    records: RunRecords
    comparisons: dict[str, Any]
    model: keras.Model

    @classmethod
    def of(cls, run: Run, dataset: Dataset, comparisons: dict[str, Any]) -> RunData:
        """Reads a run.

        Raises:
            CheckreaderError: a stage before is missing, or one of its files changed.
        """
        records = require(run)
        return cls(run, dataset, records, comparisons, keras.models.load_model(run / WEIGHTS, compile=False))

    @functools.cached_property
    def probabilities(self) -> Floats:
        """The served file's probabilities of the test pictures, float32 [N, 10]."""
        return self.predict(self.dataset.test.images)

    def predict(self, pixels: Pixels) -> Floats:
        """Returns the served file's probabilities of normalized pixels uint8 [N, 28, 28]; float32 [N, 10]."""
        return np.asarray(self._served(tensor(pixels)))

    def predicted_digits(self, pixels: Pixels) -> npt.NDArray[np.intp]:
        """Returns the most probable digits, int [N]."""
        return np.asarray(np.argmax(self.predict(pixels), axis=1))

    @functools.cached_property
    def _served(self) -> Any:
        row = get(FAMILIES["lenet5"][1])
        return predictor(row, self.run / FOLDER / row.file)

    @functools.cached_property
    def example_index(self) -> int:
        """The index of the test picture that the chapters show in detail: the first 4 that is read as one."""
        return int(np.argmax((self.dataset.test.labels == 4) & (self.probabilities.argmax(1) == 4)))

    @property
    def example(self) -> Pixels:
        """The test picture that the chapters show in detail, uint8 [28, 28]."""
        return np.asarray(self.dataset.test.images[self.example_index])

    def features(self, pixels: Pixels) -> dict[str, Floats]:
        """Returns every layer's output after its activation: float32 [N, H, W, C] or [N, C], by name."""
        # An activation after subsampling is a layer of its own, called after the one before it.
        outputs = {layer.name.split("_")[0]: layer.output for layer in self.model.layers}
        inner = keras.Model(self.model.input, [outputs[name] for name in LAYERS])
        return dict(zip(LAYERS, inner.predict(tensor(pixels), batch_size=1024, verbose=0), strict=True))

    def before_activation(self, layer: str) -> keras.Model:
        """Returns the network up to a layer with weights, without that layer's activation: image → its sums."""
        target = self.model.get_layer(layer)
        kernel, bias = target.kernel, target.bias
        if isinstance(target, keras.layers.Conv2D):
            sums = ops.conv(target.input, kernel, padding=target.padding) + bias
        else:
            sums = ops.matmul(target.input, kernel) + bias
        return keras.Model(self.model.input, sums)


def require(run: Run) -> RunRecords:
    """Returns the records of the stages that the report covers.

    Raises:
        CheckreaderError: one is missing or its files changed.
    """
    return RunRecords(
        run.read(TrainRecord),
        run.read(ExportRecord),
        run.read(VerifyRecord),
        run.read(EvaluateRecord),
        run.read(BenchmarkRecord),
    )

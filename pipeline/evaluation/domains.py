"""Measures how accurate digit models are beyond their own test pictures: other hands, and corrupted pictures.

`pixels` is the accuracy on the pictures as they are, `service` that after the service's normalization, which a posted
picture gets. The fifteen corruptions are those of MNIST-C (`pipeline.evaluation.corruptions`), here of test pictures
at equal distances, so that the stage stays short; `python -m benchmarks.corruptions` takes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.data.digits import Pixels, Split
from pipeline.data.normalize_many import Normalize
from pipeline.evaluation import corruptions
from pipeline.metrics.calibration import interval
from serving.images.digit import tensor

CORRUPTED: Final = 1_000  # test pictures that each corruption is measured on

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


def measure(
    models: Mapping[str, Predict],
    test: Split,
    name: str,
    hands: Mapping[str, Split],
    normalize: Normalize,
    corrupted: int = CORRUPTED,
) -> list[dict[str, Any]]:
    """Measures each model on each domain.

    Args:
        models: by name, functions of images float32 [N, 28, 28, 1] that return probabilities float32 [N, 10].
        test: the test pictures.
        name: what to call them.
        hands: by name, digits of other hands that the service has normalized.
        normalize: the service's normalization of pictures uint8 [N, 28, 28].
        corrupted: how many of the test pictures are corrupted, each in fifteen ways.

    Returns:
        Rows of `name`, `service` and, where there are such pictures, `pixels`: by model the accuracy with its 95 %
        Clopper–Pearson interval. That of corruptions is over all fifteen together.
    """

    def accuracies(pictures: Pixels, labels: npt.NDArray[np.uint8]) -> dict[str, Any]:
        images = tensor(pictures)
        return {model: _share(predict(images).argmax(1) == labels) for model, predict in models.items()}

    rows = [
        {
            "name": f"{name} test",
            "pixels": accuracies(test.images, test.labels),
            "service": accuracies(normalize(test.images), test.labels),
        }
    ]
    rows += [
        {"name": hand, "service": accuracies(split.images, split.labels)} for hand, split in hands.items()
    ]
    chosen = np.linspace(0, len(test.labels) - 1, min(corrupted, len(test.labels))).astype(np.intp)
    pictures = np.concatenate([corruptions.corrupt(test.images[chosen], kind) for kind in corruptions.KINDS])
    labels = np.tile(test.labels[chosen], len(corruptions.KINDS))
    rows.append(
        {
            "name": f"{name} test, {len(corruptions.KINDS)} corruptions",
            "pixels": accuracies(pictures, labels),
            "service": accuracies(normalize(pictures), labels),
        }
    )
    return rows


def _share(right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    count = int(right.sum())
    low, high = interval(count, len(right))
    return {"value": count / len(right), "low": low, "high": high, "n": len(right)}

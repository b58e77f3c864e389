"""A budget of seconds for the networks that a report compares, and few of them."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras, of its own use of NumPy
    from pipeline.report import architecture_training, architectures

BUDGET = architecture_training.Budget(epochs=1, batch=256, learning_rate=2e-3, seeds=(0,))
VARIANTS = tuple(
    architectures.named(name) for name in ("max", "strided", "tanh", "lenet5-1998", "connected-78", "third")
)

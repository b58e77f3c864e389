"""Imports the legacy Keras that tensorflow-model-optimization works with, beside Keras 3."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any, Final

_KERAS: Final = "TF_USE_LEGACY_KERAS"


def import_legacy() -> tuple[ModuleType, Any]:
    """Imports `tf_keras` and tensorflow-model-optimization; other modules and processes keep Keras 3."""
    before = os.environ.get(_KERAS)
    os.environ[_KERAS] = "1"
    try:
        import tensorflow_model_optimization as tfmot
        import tf_keras
    finally:
        # The library sets the variable itself, too.
        os.environ.pop(_KERAS, None)
        if before is not None:
            os.environ[_KERAS] = before
    return tf_keras, tfmot

"""Makes the optimizer that fields, MICR lines and the finder of fields are trained with."""

from __future__ import annotations

from typing import Any

import keras

from pipeline.config import CheckTrainConfig, FieldTrainConfig


def averaged_adamw(model: Any, config: CheckTrainConfig | FieldTrainConfig, steps: int) -> Any:
    """Makes AdamW with a moving average of the weights, and compiles the model with it, so that checkpoints hold its state.

    Args:
        model: to train.
        config: peak and warm-up of the rate, weight decay, momentum of the average.
        steps: of the training; the rate falls to 0 as a cosine.
    """
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=config.learning_rate, warmup_steps=max(1, int(config.warmup * steps))
    )
    optimizer = keras.optimizers.AdamW(
        rate,
        weight_decay=config.weight_decay,
        clipnorm=5.0,
        use_ema=True,
        ema_momentum=config.averaging,
        ema_overwrite_frequency=None,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    model.compile(optimizer)
    return optimizer

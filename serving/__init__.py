"""Uses the released models; never imports TensorFlow or `pipeline`."""

__version__ = "0.2.0"

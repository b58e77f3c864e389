"""Makes mixtures of digits for tests."""

from __future__ import annotations

from pipeline.data.digits import Split
from pipeline.data.mixture import Mixture, Source


def of(split: Split) -> Mixture:
    """Returns a mixture of one source, which validates with its own digits."""
    return Mixture((Source("digits", 1.0, (split.images,), split.labels, {"digits": split}, True, {}),))

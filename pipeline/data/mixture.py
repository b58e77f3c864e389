"""Mixes sources of digits: the pictures that training sees, in which shares, and those that validate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.data.digits import Dataset, Labels, Pixels, Split


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Digits of one origin.

    Attributes:
        name: for records.
        share: of each batch; the shares of a mixture sum to 1.
        passes: uint8 [N, 28, 28] each, the same N digits drawn anew; epochs take turns.
        labels: uint8 [N].
        validation: by name, `name` itself first; no writer of them is in `passes`.
        certifies: whether temperature and thresholds are fitted on `validation[name]`.
        details: checksums and counts, for records.
    """

    name: str
    share: float
    passes: Sequence[Pixels]
    labels: Labels
    validation: Mapping[str, Split]
    certifies: bool
    details: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Sources that are trained on together, the one whose size decides an epoch's length first."""

    sources: tuple[Source, ...]

    @property
    def labels(self) -> Labels:
        """The labels of all sources, one after the other."""
        return np.concatenate([source.labels for source in self.sources])

    def pictures(self, number: int) -> Pixels:
        """Returns the pictures of pass `number`, uint8 [N, 28, 28], in the order of `labels`."""
        return np.concatenate([source.passes[number % len(source.passes)] for source in self.sources])

    def counts(self, batch: int) -> tuple[int, ...]:
        """Divides a batch among the sources by their shares, each at least one picture; the first takes the rest."""
        others = [max(1, round(batch * source.share)) for source in self.sources[1:]]
        return (max(1, batch - sum(others)), *others)

    @property
    def validation(self) -> Split:
        """The digits that temperature and thresholds are fitted on, of all sources that certify."""
        parts = [source.validation[source.name] for source in self.sources if source.certifies]
        return Split(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "labels"))
        )

    @property
    def validations(self) -> dict[str, Split]:
        """Every source's validation digits by name."""
        return {name: split for source in self.sources for name, split in source.validation.items()}

    def record(self) -> list[dict[str, Any]]:
        """Describes the sources for a run's records."""
        return [
            {
                "name": source.name,
                "share": round(source.share, 6),
                "digits": len(source.labels),
                "passes": len(source.passes),
                "validation": {name: len(split.labels) for name, split in source.validation.items()},
                "certifies": source.certifies,
                **source.details,
            }
            for source in self.sources
        ]

    def summary(self) -> str:
        """Names the sources in a line."""
        parts = [
            f"{source.name} {source.share:.0%} ({len(source.labels):,} digits)" for source in self.sources
        ]
        return f"sources: {', '.join(parts)}; thresholds are fitted on {len(self.validation.labels):,} digits"


def alone(data: Dataset) -> Mixture:
    """Returns the mixture of a data set with nothing else."""
    return Mixture((source(data),))


def source(data: Dataset, share: float = 1.0) -> Source:
    """Returns a data set as a source; its checksums are in its own record."""
    validation = {data.name: data.validation}
    return Source(data.name, share, (data.train.images,), data.train.labels, validation, True, {})

"""Keeps what `evaluate` measured of a field run, one record for each set of labeled fields.

`evaluate.json` holds the last set alone. A set is known by its name: measured again, it takes the place of the record before.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any, Final

import msgspec

from pipeline.records import FieldMeasures, convert
from pipeline.run import Run, sha256, write_json
from serving.errors import CheckreaderError

FILE: Final = "evaluated.json"  # inside a run
_BASIS: Final = ("export.json", "calibrate.json")  # the records that measures rest on; the second where it is


class EvaluatedSet(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of each model of a run on one set.

    `data` describes the set, `basis` holds the checksums of the records that were there, `trained_on` says whether the
    network was trained on these very fields, `difference` is 8 bits minus float, in exact strings.
    """

    data: dict[str, Any]
    families: dict[str, FieldMeasures]
    difference: float
    trained_on: bool
    basis: dict[str, str]

    @property
    def name(self) -> str:
        """The set's name."""
        return str(self.data["name"])


def keep(run: Run, record: dict[str, Any]) -> None:
    """Keeps the record of `evaluate` next to those of other sets."""
    sets: dict[str, Any] = {}
    with contextlib.suppress(OSError, TypeError, ValueError):  # none yet, or none that can be used
        sets.update(json.loads((run / FILE).read_bytes()))
    entry = {key: record[key] for key in ("data", "families", "difference", "trained_on")}
    write_json(run / FILE, {**sets, record["data"]["name"]: {**entry, "basis": basis(run)}})


def load(run: Run) -> list[EvaluatedSet]:
    """Returns the records of a run's sets, in the order in which they were first evaluated; [] before there are any.

    Raises:
        CheckreaderError: the file is no record of this version.
    """
    path = run / FILE
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise CheckreaderError(
            f"{path}: not valid JSON ({error}): run `{run.command('evaluate')} --data FOLDER` again"
        ) from None
    return list(convert(content, dict[str, EvaluatedSet], path).values())


def basis(run: Run) -> dict[str, str]:
    """Returns the checksums of the records that measures rest on: a set with another basis has to be measured again."""
    return {name: sha256(run / name) for name in _BASIS if (run / name).exists()}

"""What the folded network brings into `models/`: two ONNX files, its records, its golden digits.

`pipeline.release.release` copies and renames; here is what is particular to it. Its golden digits are its own, so that a
release of the digit models, which draws new ones, does not touch it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.export.formats import FAST_FORMATS
from pipeline.networks import spec
from pipeline.release import golden_digits
from pipeline.release.artifacts import FAST_RELEASED, RECORDS, copy, write_records
from pipeline.release.digit import describe, model
from pipeline.run import Run
from serving import __version__
from serving.manifest import Manifest

_GOLDEN: Final = 5  # there is not room for more


def write(run: Run, models: Path, version: str, records: dict[str, Any], previous: Manifest) -> Manifest:
    """The release of a `fast` run in an empty folder; the manifest that goes with it.

    Args:
        run: verified.
        models: the empty folder.
        version: the new one of the folded models.
        records: of every stage.
        previous: the manifest of the release before, whose other models stay.
    """
    rows = [row for row in FAST_FORMATS if row.name in FAST_RELEASED]
    artifacts = copy(run, models, version, spec.FAST)
    describe(rows, models)
    own = golden_digits.digits(run, rows, models, "golden/fast", _GOLDEN)
    write_records(records, models / RECORDS["fast"])
    released = {name: model(name, version, found, records) for name, found in artifacts.items()}
    return msgspec.structs.replace(
        previous,
        release=__version__,
        models={
            **previous.models,
            **{name: msgspec.structs.replace(one, golden=own) for name, one in released.items()},
        },
        data={**previous.data, "fast": records["train"]["data"]},
    )

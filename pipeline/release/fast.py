"""Releases the folded network: two ONNX files, its records, its golden digits.

Its golden digits are its own, so that a release of the digit models, which draws new ones, does not touch it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.export.formats import FAST_FORMATS
from pipeline.networks import spec
from pipeline.records import Records, convert
from pipeline.release import golden_digits
from pipeline.release.artifacts import PREVIOUS, TaskRelease, beside, copy, records_folder, write_records
from pipeline.release.digit import describe, write_triton_files
from pipeline.run import Run
from serving import __version__
from serving.manifest import Manifest

FILES: Final = {
    "onnx_float32": "repository/lenet5-fast/{version}/model.onnx",
    "onnx_int8": "repository/lenet5-fast-int8/{version}/model.onnx",
}
_GOLDEN: Final = 5  # there is not room for more


def write(
    run: Run, models: Path, version: str, records: dict[str, Any], previous: Manifest | None
) -> Manifest:
    """Writes the release of a `fast` run into an empty folder.

    Args:
        run: verified.
        models: the empty folder.
        version: the new one of the folded models.
        records: of every stage, as JSON.
        previous: the manifest of the release before, whose other models stay; None: there is none.

    Returns:
        The manifest that goes with it.
    """
    typed = convert(records, Records, run.path)
    rows = [row for row in FAST_FORMATS if row.name in FILES]
    artifacts = copy(run, FILES, models, version, spec.FAST)
    write_triton_files(rows, models)
    golden = golden_digits.write(run, rows, models, "golden/fast", _GOLDEN)
    write_records(records, records_folder(models, "fast"))
    released = {
        name: msgspec.structs.replace(describe(name, version, files, typed), golden=golden)
        for name, files in artifacts.items()
    }
    before = beside(previous, spec.FAST, typed.export.environment.packages)
    return msgspec.structs.replace(
        before,
        release=__version__,
        models={**before.models, **released},
        data={**before.data, "fast": typed.train.data},
    )


RELEASE: Final = TaskRelease(
    spec.FAST, FILES, "digits", PREVIOUS / "fast/digits.json", golden_digits.pictures, write
)

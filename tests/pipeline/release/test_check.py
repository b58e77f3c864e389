from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.export.formats import CHECK_FORMATS
from pipeline.release import check, release
from pipeline.release.card import render_card
from pipeline.run import Run
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from tests.support import tiny_check
from tests.support.paths import ROOT
from tests.support.tiny_records import SPEED, check_records

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ("check-fields", "check-fields-int8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with the record of every stage; verified, measured and timed on paper only."""
    run = tiny_check.copied(tmp_path_factory.mktemp("finished"))
    for stage in ("verify", "evaluate"):
        record = check_records()[stage]
        run.record(
            stage, [], **{key: value for key, value in record.items() if key not in ("files", "environment")}
        )
    run.record("benchmark", [], formats={row.name: SPEED for row in CHECK_FORMATS}, batch=16, width=288)
    return run


@pytest.fixture(scope="module")
def models(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside the models of the checkout."""
    folder = tmp_path_factory.mktemp("released") / "models"
    shutil.copytree(ROOT / "models", folder)
    release.release(finished, folder, check.RELEASE)
    return folder


def test_released_beside_the_others(models: Path) -> None:
    before, after = Repository.open(ROOT / "models"), Repository.open(models)
    assert before.manifest.models.keys() <= after.manifest.models.keys()
    for name in NAMES:
        model = after.manifest.models[name]
        assert (model.task, model.thresholds, model.labels[-1]) == ("check", [], "none")
        loaded = after.load(name)
        assert loaded.network.infer(np.zeros((2, 128, 288, 1), np.float32)).shape == (2, 9216, 6)
    card = (models / "README.md").read_text()
    assert "## `check-fields`: where the fields of a check are" in card
    assert "| check-fields | all | 91.0% (89.0%–93.0%) of 780 |" in card
    assert card == render_card(after.manifest, models, models)


def test_a_model_that_finds_other_boxes_is_refused(models: Path, tmp_path: Path) -> None:
    """The golden thumbnails tell a damaged network, and a golden set of another release."""
    shutil.copytree(models, tmp_path / "models")
    repository = Repository.open(tmp_path / "models")
    path = tmp_path / "models" / repository.manifest.golden["checks"].path
    golden = json.loads(path.read_text())
    for entry in golden["checks"]:
        for formats in entry["expected"].values():
            for name in formats:
                formats[name] = {"amount": [0.1, 0.1, 0.2, 0.2]}
    path.write_text(json.dumps(golden))
    manifest = (tmp_path / "models" / "manifest.json").read_text()
    old = repository.manifest.golden["checks"].sha256
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "models" / "manifest.json").write_text(manifest.replace(old, digest))
    with pytest.raises(CheckreaderError, match=r"'check-fields' .* is refused: for check-a\.png"):
        Repository.open(tmp_path / "models").load("check-fields")

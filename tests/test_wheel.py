"""The released models travel in the wheel: it classifies from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def test_an_installed_wheel_classifies_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(site)}
    where = [sys.executable, "-c", "import serving; print(serving.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=env, check=True, capture_output=True, text=True).stdout
    assert Path(found.strip()).is_relative_to(site)
    for file in (
        "web/static/docs.html",
        "web/static/index.html",
        "web/static/page.js",
        "bulk/static/review.html",
        "grpc/inference.protoset",
        "grpc/health.protoset",
    ):  # what is no module travels too
        assert (site / "serving" / file).is_file()
    pictures = [str(ROOT / "models" / "golden" / f"{digit}a.png") for digit in range(10)]
    command = [sys.executable, "-m", "serving.cli.main", "classify", "--json", *pictures]
    done = subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True)
    digits = json.loads(done.stdout)["digits"]
    assert [entry["digit"] for entry in digits] == list(range(10))
    assert all(entry["accepted"] for entry in digits)
    assert list(tmp_path.iterdir()) == []

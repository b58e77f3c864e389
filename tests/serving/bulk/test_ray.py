"""The same lines from a Ray cluster as from this machine's processes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.bulk import job as bulk
from serving.bulk.job import Job
from serving.decoding.field_string import FieldFormat
from tests.serving.bulk.conftest import point_at
from tests.serving.bulk.test_job import here, plain
from tests.support.paths import ROOT
from tests.support.tiny import amount, png, tiff

# Ray, its threads and its warnings stay in a process of their own.
READ = """
import sys
from pathlib import Path
from serving.bulk import job as bulk
from serving.bulk import ray
from serving.bulk.job import Job
from serving.decoding.field_string import FieldFormat
from tests.serving.bulk.conftest import point_at
bulk.CHUNK = 2
job = Job(sys.argv[1], sys.argv[2], "lenet5-field", "1", FieldFormat(), point_at(Path(sys.argv[2]), "lenet5-field", 0.01))
files = 0
def progress(lines, before):
    global files
    for chunk in lines:
        files += len(chunk)
        yield chunk
summary = bulk.run(job, Path(sys.argv[3]), ray.engine("local", 2), progress)
print(summary.read, summary.unreadable, summary.skipped, files)
"""

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="no Ray here")


@pytest.mark.slow
def test_same_lines(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for index, text in enumerate(("12.50", "1.250", "4258", "7.7") * 5):
        (folder / ("more" if index % 3 else "") / f"{index:02}.png").write_bytes(png(amount(text)))
    (folder / "more" / "broken.png").write_bytes(b"no picture")
    (folder / "03-scan.tif").write_bytes(tiff(amount("12.50"), amount("4258")))
    (folder / os.fsdecode(b"\xff.png")).write_bytes(png(amount()))
    job = Job(
        str(folder), str(models), "lenet5-field", "1", FieldFormat(), point_at(models, "lenet5-field", 0.01)
    )
    bulk.run(job, tmp_path / "here", here, plain)
    # An earlier run's results: a file, one that could not be read and now can, and a part of a scan.
    earlier = (tmp_path / "here").read_bytes().splitlines(keepends=True)
    (broken,) = (line for line in earlier if b'"error"' in line)
    (tmp_path / "ray").write_bytes(b"".join([earlier[0], broken, earlier[1], earlier[2][:20]]))
    (folder / "more" / "broken.png").write_bytes(png(amount("0.99")))
    command = [sys.executable, "-c", READ, str(folder), str(models), str(tmp_path / "ray")]
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["23", "0", "1", "22"]
    bulk.run(job, tmp_path / "here", here, plain)
    lines = [sorted((tmp_path / name).read_bytes().splitlines()) for name in ("ray", "here")]
    assert lines[0] == lines[1]


def test_no_such_cluster() -> None:
    code = "from serving.bulk import ray; next(ray.engine('127.0.0.1:9')(None, iter([['a']])))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.splitlines()[-1] == (
        "serving.errors.CheckreaderError: no Ray cluster at '127.0.0.1:9': Connection refused"
    )

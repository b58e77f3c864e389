"""Runs and validates everything in deploy/, on Debian as root: `make check-deploy`.

    python -m scripts.check_deploy FOLDER

FOLDER keeps the images that take long to make. Writes `benchmarks/results/image.json`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.check_deploy import cluster, image, monitoring, unit
from scripts.check_deploy.engine import Engine


def main(folder: Path) -> None:
    """Runs all checks, then writes the measurements of the image.

    Raises:
        AssertionError, ValueError: something in deploy/ is not as it should be.
        CalledProcessError: a command failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    engine = Engine(folder.resolve())
    record = image.check(engine)
    record["unit"] = unit.check(engine)
    engine.debian(cluster.TOOLS, "trixie", ("kubernetes-client", "prometheus"))
    cluster.check(engine)
    monitoring.check(engine)
    (image.ROOT / "benchmarks" / "results" / "image.json").write_text(json.dumps(record, indent=1) + "\n")
    sizes = {name: f"{size / 1e6:.1f} MB" for name, size in record["compressed_bytes"].items()}
    print(f"{record['image']}, compressed: {sizes}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stdout}\n{error.stderr}")

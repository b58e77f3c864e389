"""Runs and validates everything in deploy/, on Debian as root: `make check-deploy`.

    python -m scripts.check_deploy FOLDER

FOLDER keeps what takes long to make. Writes `benchmarks/results/image.json`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.check_deploy import cluster, image, monitoring, unit
from scripts.check_deploy.engine import Engine


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    engine = Engine(folder.resolve())
    result = image.check(engine)
    result["unit"] = unit.check(engine)
    engine.debian(cluster.TOOLS, "trixie", ("kubernetes-client", "prometheus"))
    cluster.check(engine)
    monitoring.check(engine)
    (image.ROOT / "benchmarks" / "results" / "image.json").write_text(json.dumps(result, indent=1) + "\n")
    sizes = {name: f"{size / 1e6:.1f} MB" for name, size in result["compressed_bytes"].items()}
    print(f"{result['image']}, compressed: {sizes}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stdout}\n{error.stderr}")

"""The Dockerfile: linted, built, run as an operator would, and weighed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from scripts.check_deploy.engine import Container, Engine, shell, wait

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ("--volume", f"{ROOT / 'deploy'}:/deploy:ro")
IMAGE: Final = "checkreader:0.2.0"
# The Dockerfile's base, made of Debian's packages, since no registry can be assumed: the same Debian
# and the same Python, at /usr/bin instead of /usr/local/bin.
BASE: Final = "docker.io/library/python:3.13-slim-trixie"
_SUITE: Final = "trixie"
_PACKAGES: Final = ("ca-certificates", "netbase", "python3", "python3-pip", "python3-venv", "tzdata")
KEY: Final = "a-key-for-this-check"
_AS_CLIENT: Final = ("--header", f"Authorization: Bearer {KEY}")
_URL: Final = "http://127.0.0.1:8000"


def check(engine: Engine) -> dict[str, Any]:
    """What `benchmarks/results/image.json` holds.

    Raises:
        AssertionError: the image is not what it should be.
        CalledProcessError: a command failed.
    """
    shell([Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"])
    engine.debian(BASE, _SUITE, _PACKAGES)
    engine.build(IMAGE, ROOT)
    packages = _inside(engine)
    _serve(engine)
    return {
        "image": IMAGE,
        "base": f"stand-in for {BASE.rpartition('/')[2]} from Debian's packages",
        "compressed_bytes": _weigh(engine),
        "packages": packages,
        "engine": engine("--version").strip(),
    }


def _inside(engine: Engine) -> dict[str, str]:
    """The installed packages: none that only building or training needs."""
    code = "import importlib.metadata as m; print(*(f'{d.name}={d.version}' for d in m.distributions()))"
    packages = dict(one.split("=") for one in engine.run(IMAGE, "-c", code, options=_PYTHON).split())
    assert not {"tensorflow", "keras", "pip", "hatchling", "editables"} & set(packages), packages
    assert {"checkreader", "onnxruntime"} <= set(packages), packages
    return dict(sorted(packages.items()))


_PYTHON: Final = ("--entrypoint", "/opt/checkreader/bin/python")


def _serve(engine: Engine) -> None:
    """Starts the entry point on a read-only system, asks, and stops it."""
    # Podman alone would put a writable folder in more places than Docker does.
    system = ["--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp"]
    rights = ["--cap-drop", "all", "--security-opt", "no-new-privileges"]
    limits = ["--memory", "1g", "--cpus", "2", "--env", f"CHECKREADER_API_KEYS={KEY}"]
    health, *command = json.loads(engine("image", "inspect", IMAGE, shown=False))[0]["Healthcheck"]["Test"]
    assert health == "CMD", health
    with engine.start(IMAGE, "--workers", "2", options=[*system, *rights, *limits]) as container:
        wait(lambda: container.curl(f"{_URL}/v2/health/ready", shown=False), 30)
        container.exec(*command)
        golden = ROOT / "models" / "golden"
        for file, path, found in (("7a", "digits", {"digit": 7}), ("field-b", "fields", {"text": "55500"})):
            post = (*_AS_CLIENT, "--data-binary", f"@{golden / file}.png", f"{_URL}/{path}")
            reading = json.loads(container.curl(*post))[path][0]
            assert found.items() <= reading.items(), reading
        assert "checkreader_workers 2.0" in container.curl(*_AS_CLIENT, f"{_URL}/metrics")
        assert container.exec("id", "-u").strip() == "65532"
        _refuses_strangers(container)
        _refuses_writing(container)
        code = _stop(engine, container)
        assert code == 0, (code, container.log())
        print("SIGTERM: exit 0")


def _refuses_strangers(container: Container) -> None:
    """Without a key there is no answer."""
    status = ("--no-fail", "--output", "/dev/null", "--write-out", "%{http_code}")
    found = container.curl(*status, f"{_URL}/v2/models/lenet5")
    assert found == "401", found


def _refuses_writing(container: Container) -> None:
    """Nothing can be written but in /tmp, even where rights would let anybody."""
    container.exec("touch", "/tmp/new")
    try:
        container.exec("touch", "/var/tmp/new")
    except subprocess.CalledProcessError:
        return
    raise AssertionError("the file system can be written")


def _stop(engine: Engine, container: Container) -> int:
    engine("stop", "--time", "40", container.name)
    return int(container.inspect()["State"]["ExitCode"])


def _weigh(engine: Engine) -> dict[str, int]:
    """Bytes of the layers, compressed by gzip as a registry holds them."""
    pushed = engine.folder / "pushed"
    engine("push", "--quiet", "--compress", IMAGE, f"dir:{pushed}")
    base, *added = (layer["size"] for layer in json.loads((pushed / "manifest.json").read_text())["layers"])
    return {"base": base, "added": sum(added), "total": base + sum(added)}

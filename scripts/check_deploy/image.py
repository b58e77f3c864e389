"""Checks the Dockerfile: lints and builds it, runs the image as an operator would, and measures its size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from scripts.check_deploy.engine import Container, Engine, shell, wait
from serving import __version__

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ("--volume", f"{ROOT / 'deploy'}:/deploy:ro")
IMAGE: Final = f"checkreader:{__version__}"
# The Dockerfile's base, built from Debian's packages, since no registry can be assumed: the same Debian
# and the same Python, at /usr/bin instead of /usr/local/bin.
BASE: Final = "docker.io/library/python:3.13-slim-trixie"
_SUITE: Final = "trixie"
_PACKAGES: Final = ("ca-certificates", "netbase", "python3", "python3-pip", "python3-venv", "tzdata")
KEY: Final = "a-key-for-this-check"
_AS_CLIENT: Final = ("--header", f"Authorization: Bearer {KEY}")
_URL: Final = "http://127.0.0.1:8000"


def check(engine: Engine) -> dict[str, Any]:
    """Returns the content of `benchmarks/results/image.json`.

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
        "compressed_bytes": _compressed_bytes(engine),
        "packages": packages,
        "engine": engine("--version").strip(),
    }


def _inside(engine: Engine) -> dict[str, str]:
    """Returns the installed packages, after a check that none is for building or training only."""
    code = "import importlib.metadata as m; print(*(f'{d.name}={d.version}' for d in m.distributions()))"
    packages = dict(line.split("=") for line in engine.run(IMAGE, "-c", code, options=_PYTHON).split())
    assert not {"tensorflow", "keras", "pip", "hatchling", "editables"} & set(packages), packages
    assert {"checkreader", "onnxruntime"} <= set(packages), packages
    return dict(sorted(packages.items()))


_PYTHON: Final = ("--entrypoint", "/opt/checkreader/bin/python")


def _serve(engine: Engine) -> None:
    """Starts the entry point on a read-only system, posts pictures, and stops it."""
    # Podman alone would put a writable folder in more places than Docker does.
    system = ["--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp"]
    rights = ["--cap-drop", "all", "--security-opt", "no-new-privileges"]
    limits = ["--memory", "1g", "--cpus", "2", "--env", f"CHECKREADER_API_KEYS={KEY}"]
    health, *command = json.loads(engine("image", "inspect", IMAGE, echo=False))[0]["Healthcheck"]["Test"]
    assert health == "CMD", health
    with engine.start(IMAGE, "--workers", "2", options=[*system, *rights, *limits]) as container:
        wait(lambda: container.curl(f"{_URL}/v2/health/ready", echo=False), 30)
        container.exec(*command)
        golden = ROOT / "models" / "golden"
        written = {
            field["file"]: field["text"]
            for field in json.loads((golden / "fields.json").read_text())["fields"]
        }
        for file, path, expected in (
            ("7a", "digits", {"digit": 7}),
            ("field-b", "fields", {"raw": written["field-b.png"]}),
        ):
            post = (*_AS_CLIENT, "--data-binary", f"@{golden / file}.png", f"{_URL}/{path}")
            reading = json.loads(container.curl(*post))[path][0]
            assert expected.items() <= reading.items(), reading
        assert "checkreader_workers 2.0" in container.curl(*_AS_CLIENT, f"{_URL}/metrics")
        assert container.exec("id", "-u").strip() == "65532"
        _refuses_strangers(container)
        _refuses_writing(container)
        code = _stop(engine, container)
        assert code == 0, (code, container.log())
        print("SIGTERM: exit 0")


def _refuses_strangers(container: Container) -> None:
    """Checks that there is no answer without a key."""
    status = ("--no-fail", "--output", "/dev/null", "--write-out", "%{http_code}")
    code = container.curl(*status, f"{_URL}/v2/models/lenet5")
    assert code == "401", code


def _refuses_writing(container: Container) -> None:
    """Checks that only /tmp can be written, even where the file permissions would allow it."""
    container.exec("touch", "/tmp/new")
    try:
        container.exec("touch", "/var/tmp/new")
    except subprocess.CalledProcessError:
        return
    raise AssertionError("the file system can be written")


def _stop(engine: Engine, container: Container) -> int:
    """Sends SIGTERM and returns the exit code."""
    engine("stop", "--time", "40", container.name)
    return int(container.inspect()["State"]["ExitCode"])


def _compressed_bytes(engine: Engine) -> dict[str, int]:
    """Returns the bytes of the layers, compressed by gzip as a registry holds them."""
    pushed = engine.folder / "pushed"
    engine("push", "--quiet", "--compress", IMAGE, f"dir:{pushed}")
    base, *added = (layer["size"] for layer in json.loads((pushed / "manifest.json").read_text())["layers"])
    return {"base": base, "added": sum(added), "total": base + sum(added)}

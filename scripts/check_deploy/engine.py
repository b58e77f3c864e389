"""A container engine from Debian's packages, with a store of its own that the machine's others do not see."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

# As in Debian's slim images: no documents, no translations.
_SLIM: Final = [
    f"--dpkgopt=path-exclude=/usr/share/{name}/*"
    for name in ("doc", "man", "info", "locale", "groff", "lintian")
]
# The official Python images have no bytecode of the standard library either.
_TRIM: Final = (
    'find "$1" -name __pycache__ -prune -exec rm -rf {} + ; '
    'rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/* "$1"/usr/lib/python3*/test'
)
# Podman would raise both limits, which needs a right that root in a sandbox may lack.
_LIMITS: Final = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


def shell(command: Sequence[str | Path], *, echo: bool = True, timeout: float = 600, **options: Any) -> str:
    """Runs a command and returns its output.

    Raises:
        CalledProcessError: it failed; the reason is in `stdout` and `stderr`.
        TimeoutExpired: it took longer than `timeout` seconds.
    """
    if echo:
        print("+", shlex.join(map(str, command)), flush=True)
    return subprocess.run(
        command, text=True, capture_output=True, check=True, timeout=timeout, **options
    ).stdout


def wait(ready: Callable[[], object], seconds: float) -> None:
    """Calls `ready` until it no longer fails.

    Raises:
        CalledProcessError: it still fails after `seconds`.
    """
    start = time.monotonic()
    while True:
        try:
            ready()
            return
        except subprocess.CalledProcessError:
            if time.monotonic() - start > seconds:
                raise
            time.sleep(0.05)


class Engine:
    """Podman over images in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        store = ["--root", folder / "store", "--runroot", folder / "run"]
        self._podman = ["podman", *store, "--cgroup-manager", "cgroupfs", "--runtime", "runc"]

    def __call__(self, *command: str | Path, **options: Any) -> str:
        if options.get("echo", True):
            print("+ podman", shlex.join(map(str, command)), flush=True)
        return shell([*self._podman, *command], **(options | {"echo": False}))

    def debian(self, tag: str, suite: str, packages: Sequence[str]) -> None:
        """Imports an image of a Debian release with some packages, from an archive that is made once."""
        archive = self.folder / f"{suite}-{'-'.join(packages)}.tar"
        if not archive.exists():
            part = archive.with_suffix(".part.tar")
            include = f"--include={','.join(packages)}"
            shell(
                ["mmdebstrap", "--variant=minbase", include, *_SLIM, f"--customize-hook={_TRIM}", suite, part]
            )
            part.rename(archive)
        self("import", "--quiet", archive, tag)

    def build(self, tag: str, context: Path, *options: str | Path) -> None:
        """Builds an image; the steps reach the network as this machine does."""
        certificates = ["--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"]
        network = ["--isolation", "chroot", "--network", "host", "--pull-never", *certificates]
        self("build", "--format", "docker", "--quiet", *network, *options, "--tag", tag, context)

    def run(self, image: str, *command: str, options: Sequence[str | Path] = ()) -> str:
        """Runs a command without a network and returns its output."""
        network = ("--network", "none", "--no-healthcheck")
        return self("run", "--rm", *network, *_LIMITS, *options, image, *command)

    @contextlib.contextmanager
    def start(self, image: str, *command: str, options: Sequence[str | Path] = ()) -> Iterator[Container]:
        """Runs a container in the background, with its own loopback as the only network, until the block ends."""
        network = ("--network", "none", "--no-healthcheck")
        name = self("run", "--detach", *network, *_LIMITS, *options, image, *command).strip()
        try:
            yield Container(self, name)
        finally:
            self("rm", "--force", "--time", "1", name, echo=False)


class Container:
    """A running container."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    def inspect(self) -> dict[str, Any]:
        """Returns the engine's description of it."""
        return json.loads(self._engine("inspect", self.name, echo=False))[0]

    def exec(self, *command: str, echo: bool = True) -> str:
        """Runs a command in the container and returns its output."""
        if echo:
            print("+ podman exec", shlex.join(command), flush=True)
        return self._engine("exec", self.name, *command, echo=False)

    def curl(self, *arguments: str | Path, echo: bool = True) -> str:
        """Runs this machine's curl in the container's network and returns its output."""
        enter = ["nsenter", "--target", str(self.inspect()["State"]["Pid"]), "--net"]
        if echo:
            print("+ curl", shlex.join(map(str, arguments)), flush=True)
        return shell([*enter, "curl", "--silent", "--show-error", "--fail", *arguments], echo=False)

    def log(self) -> str:
        """Returns what the container has printed."""
        return self._engine("logs", self.name, echo=False)

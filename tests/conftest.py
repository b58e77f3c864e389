"""Fixtures for tests of several packages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import settings

from serving.app import build_app
from serving.settings import Settings
from tests.support.micr_lines import write_micr_models
from tests.support.tiny import write_models

# The same examples in every run: a failure shows while the code is written, not when it is installed.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

TESTS = Path(__file__).parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps tests that share fixtures in one process: those of a folder with a conftest, else those of a file."""
    from xdist.scheduler import LoadScopeScheduling

    class FixtureScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = TESTS.parent / nodeid.partition("::")[0]
            shared = path.parent != TESTS and (path.parent / "conftest.py").exists()
            return str(path.parent if shared else path)

    return FixtureScheduling(config, log)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder to read from."""
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def micr_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder to read from, in which a model reads MICR lines, too."""
    return write_micr_models(tmp_path_factory.mktemp("micr-models"))


@pytest.fixture
def own_models(tmp_path: Path) -> Path:
    """A models folder that the test may change."""
    return write_models(tmp_path / "models")


@pytest.fixture
def edit_manifest(own_models: Path) -> Callable[..., None]:
    """Changes `own_models`' manifest by a function of its plain data."""

    def edit(change: Callable[[dict], object]) -> None:
        path = own_models / "manifest.json"
        content = msgspec.json.decode(path.read_bytes())
        change(content)
        path.write_bytes(msgspec.json.encode(content))

    return edit


class Client:
    """Calls an ASGI application without a socket: `client("POST", "/digits", content=b"…")`."""

    def __init__(self, app: Any, runner: asyncio.Runner) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://checkreader")
        self.runner = runner

    def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self.runner.run(self.http.request(method, path, **request))


@pytest.fixture(scope="session")
def client(models: Path) -> Iterator[Client]:
    """The service over `models`, with small limits."""
    settings = Settings(models=models, max_body=200_000, max_rows=8, max_pictures=3)
    with asyncio.Runner() as runner:
        yield Client(build_app(settings), runner)

"""A service in this process, with settings of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.app import App, build_app
from serving.settings import Settings
from tests.conftest import Client


@contextmanager
def running(models: Path, **settings: object) -> Iterator[tuple[App, Client]]:
    """An application and a client of it."""
    app = build_app(Settings(models=models, **settings))
    with asyncio.Runner() as runner:
        yield app, Client(app, runner)

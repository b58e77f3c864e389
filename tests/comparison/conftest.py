"""One service with the released models, for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.released import Released, Service, served


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(tmp_path_factory.mktemp("service") / "errors.txt") as service:
        yield service


@pytest.fixture(scope="session")
def released() -> Released:
    return Released()

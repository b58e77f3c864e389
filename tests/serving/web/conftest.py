"""A service with the released models and their WebAssembly, and a browser in front of it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
from playwright.sync_api import Browser

from pipeline.export import c_source, wasm
from pipeline.networks import integer_reference
from serving.manifest import Artifact, Manifest
from serving.repository.store import Repository
from tests.support.browser import Tab, chromium, require_chromium
from tests.support.paths import ROOT

MODEL = "lenet5-int8"


def with_module(folder: Path) -> Path:
    """Copies the released models and adds the digit's model in WebAssembly where they lack it."""
    shutil.copytree(ROOT / "models", folder)
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    model = manifest.models[MODEL]
    released = {artifact.format for artifact in model.artifacts}
    (source,) = (artifact for artifact in model.artifacts if artifact.format == "tflite_int8")
    network = integer_reference.load((folder / source.path).read_bytes())
    for target, file in (("wasm", f"{MODEL}.wasm"), ("wasm_simd", f"{MODEL}-simd.wasm")):
        if target not in released:
            texts = c_source.render(network, source.sha256, model.thresholds)
            code = wasm.compile_module(*texts, target)
            (folder / "edge" / file).write_bytes(code)
            digest = hashlib.sha256(code).hexdigest()
            model.artifacts.append(Artifact(f"edge/{file}", digest, len(code), target, "wasm", "int8"))
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return folder


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released models with the WebAssembly."""
    return with_module(tmp_path_factory.mktemp("page") / "models")


@pytest.fixture(scope="session")
def golden(complete: Path) -> Repository:
    return Repository.open(complete)


@pytest.fixture(scope="session")
def address(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with those models."""
    errors = tmp_path_factory.mktemp("service") / "errors"
    command = [
        sys.executable,
        "-m",
        "serving.cli.main",
        "serve",
        "--port",
        "0",
        "--device",
        "cpu",
        "--models",
        str(complete),
    ]
    with (
        errors.open("w") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            line = process.stdout.readline()
            assert line.startswith("checkreader "), errors.read_text()
            yield f"{line.split()[-1]}/"
        finally:
            process.terminate()
            process.wait(60)
    assert errors.read_text() == ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module: while it is open, no other event loop runs in this thread."""
    require_chromium()
    with chromium() as browser:
        yield browser


class OpenTab(Protocol):
    """Opens the page in a window of some CSS pixels; see `Tab.new` for the options."""

    def __call__(self, width: int, height: int, **options: Any) -> Tab: ...


@pytest.fixture
def open_tab(browser: Browser, address: str) -> Iterator[OpenTab]:
    """Opens the page; nothing may go wrong in it, and it may ask nobody but the service."""
    tabs = []

    def open_tab(width: int, height: int, **options: Any) -> Tab:
        tabs.append(Tab.new(browser, width, height, **options))
        tabs[-1].open(address)
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.close()
        assert tab.complaints == []
        assert {url for url in tab.requests if not url.startswith((address, "data:"))} == set()


@pytest.fixture
def tab(open_tab: OpenTab) -> Tab:
    """The page in a window of a desktop."""
    return open_tab(1280, 900)

"""A service with the released models and their WebAssembly, and a browser in front of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.export import c_source, wasm
from pipeline.networks import integer_reference
from serving.decoding.thresholds import MAX_ERROR, choose_threshold
from serving.manifest import Artifact, Manifest
from serving.repository.store import Repository
from tests.support.chromium import CHROMIUM, Browser, launched
from tests.support.paths import ROOT

MODEL = "lenet5-int8"


def with_module(folder: Path) -> Path:
    """A copy of the released models that has the digit's model in WebAssembly."""
    shutil.copytree(ROOT / "models", folder)
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    model = manifest.models[MODEL]
    if any(one.runtime == "wasm" for one in model.artifacts):
        return folder
    (source,) = (one for one in model.artifacts if one.format == "tflite_int8")
    network = integer_reference.load((folder / source.path).read_bytes())
    bar = choose_threshold(model.thresholds, MAX_ERROR).threshold
    code = wasm.compile_module(*c_source.render(network, source.sha256, bar))
    path = f"edge/{MODEL}.wasm"
    (folder / path).write_bytes(code)
    model.artifacts.append(
        Artifact(path, hashlib.sha256(code).hexdigest(), len(code), "wasm", "wasm", "int8")
    )
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
    """Where a service with those models answers."""
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


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Browser]]:
    """Opens an empty tab of one browser for all tests."""
    if CHROMIUM is None:
        pytest.skip("`make edge-tools` installs chromium")
    if not hasattr(os, "posix_spawn"):
        pytest.skip("the browser is driven over a pipe, which this system does not give")
    with launched(tmp_path_factory.mktemp("chromium")) as tab:
        yield tab


@pytest.fixture
def page(chromium: Callable[[], Browser], address: str) -> Iterator[Browser]:
    """The page in a window of a desktop; nothing may go wrong in it, and it may ask nobody else."""
    browser = chromium()
    browser.look(1280, 900)
    browser.open(address)
    yield browser
    browser.close()
    assert browser.complaints == []
    assert {url for url in browser.requests if not url.startswith((address, "data:"))} == set()

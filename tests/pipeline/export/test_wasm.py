"""The browser example's WebAssembly in headless Chromium: the reference's integers, and the server's digits.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.data import digits as data
from pipeline.export import c_source, wasm
from pipeline.networks import integer_reference
from pipeline.synthesis import digit_drawing
from serving.images.digit import normalize, tensor
from serving.manifest import Threshold
from serving.repository.store import Repository
from tests.support.browser import chromium, require_chromium
from tests.support.paths import ROOT

EXAMPLE = ROOT / "examples" / "browser"
PLAIN, SIMD = "lenet5-int8.wasm", "lenet5-int8-simd.wasm"
# Reads all pictures of `digits.bin`, side × side each.
READ_ALL = """async ([side, files]) => {
    const { load } = await import("./checkreader.js");
    const read = await load(...files);
    const all = new Uint8Array(await (await fetch("./digits.bin")).arrayBuffer());
    const readings = [];
    for (let at = 0; at < all.length; at += side * side) readings.push(read(all.subarray(at, at + side * side), side, side));
    return readings;
}"""
THRESHOLDS = [Threshold(0.01, 0.99, 0, 0, 0.1, 0.9, 100), Threshold(0.002, 0.999, 0, 0, 0.1, 0.8, 100)]
# What is accepted of the first picture of `digits.bin` at several bounds.
BOUNDS = """async ([side, bounds]) => {
    const { load } = await import("./checkreader.js");
    const read = await load("./lenet5-int8.wasm");
    const gray = new Uint8Array(await (await fetch("./digits.bin")).arrayBuffer()).subarray(0, side * side);
    return bounds.map((bound) => read(gray, side, side, bound ?? undefined));
}"""
SEVEN = [(80, 60), (190, 60), (120, 230)]


@pytest.fixture(scope="module")
def released() -> integer_reference.Reference:
    return integer_reference.load((Repository.open().folder / "edge/lenet5-int8.tflite").read_bytes())


@pytest.fixture(scope="module")
def modules(released: integer_reference.Reference) -> dict[str, bytes]:
    """Both files, by name: for any browser, and for one with SIMD."""
    texts = c_source.render(released, "0" * 64, THRESHOLDS)
    return {PLAIN: wasm.compile_module(*texts, "wasm"), SIMD: wasm.compile_module(*texts, "wasm_simd")}


@pytest.fixture
def served(tmp_path: Path, modules: dict[str, bytes]) -> Iterator[tuple[Path, str]]:
    """The example's folder with the modules, and its address."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    for name, module in modules.items():
        (tmp_path / name).write_bytes(module)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_chromium()
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    with browser.new_context() as context:
        yield context.new_page()


def pictures() -> np.ndarray:
    """A thousand digits: MNIST's where it is at hand, else drawn ones."""
    if "CHECKREADER_DATA" in os.environ:
        return data.load("mnist", None).test.images[:1_000]
    rng = np.random.default_rng(0)
    return np.stack([digit_drawing.digit(i % 10, rng, 40) for i in range(1_000)])


@pytest.mark.parametrize("files", [[PLAIN], [PLAIN, SIMD]], ids=["plain", "simd"])
def test_a_browser_reads_as_the_reference_and_the_server(
    page: Page, served: tuple[Path, str], released: integer_reference.Reference, files: list[str]
) -> None:
    folder, address = served
    for unused in {PLAIN, SIMD} - {files[-1]}:  # Chromium has SIMD
        (folder / unused).unlink()
    grays = pictures()
    (folder / "digits.bin").write_bytes(grays.tobytes())
    page.goto(f"{address}/checkreader.js")
    readings = page.evaluate(READ_ALL, [grays.shape[1], files])
    pixels = np.stack([normalize(gray) for gray in grays])
    expected = integer_reference.logits(released, pixels)
    np.testing.assert_array_equal([reading["logits"] for reading in readings], expected)
    digits = [reading["digit"] for reading in readings]
    assert digits == expected.argmax(1).tolist()
    (server,) = Repository.open().load("lenet5-int8").network.run(tensor(pixels))
    assert np.mean(server.argmax(1) == digits) >= 0.9998
    accepted = np.array([reading["accepted"] for reading in readings])
    assert server.max(1)[accepted].min() >= 0.99 - 1e-3  # whatever the margin accepts
    assert accepted.mean() > 0.3


def test_a_browser_applies_the_bound(page: Page, served: tuple[Path, str]) -> None:
    folder, address = served
    gray = digit_drawing.digit(7, np.random.default_rng(0), 40)
    (folder / "digits.bin").write_bytes(gray.tobytes())
    page.goto(f"{address}/index.html")
    readings = page.evaluate(BOUNDS, [gray.shape[0], [None, 1, 0.01, 0.0099, 0.002, 0.0019]])
    assert [reading["maxError"] for reading in readings] == [0.01, 1, 0.01, 0.0099, 0.002, 0.0019]
    applied = [reading["appliedMaxError"] for reading in readings]
    assert applied == [0.01, 0.01, 0.01, 0.002, 0.002, None]
    assert readings[-1]["accepted"] is False


def test_the_example_page_reads_what_is_drawn(page: Page, served: tuple[Path, str]) -> None:
    _, address = served
    page.goto(f"{address}/index.html")
    answer = page.locator("output")
    expect(answer).to_have_text("ready")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + SEVEN[0][0], box["y"] + SEVEN[0][1])
    page.mouse.down()
    for x, y in SEVEN[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.up()
    expect(answer).to_have_text(re.compile("^7, [a-z ]+$"))
    for file in ("index.html", "checkreader.js"):
        assert "http" not in (EXAMPLE / file).read_text()


def test_the_example_page_says_what_is_missing(page: Page, served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / SIMD).unlink()
    page.goto(f"{address}/index.html")
    expect(page.locator("output")).to_contain_text(f"not ready: ./{SIMD}: 404")


def test_a_browser_without_simd_takes_the_plain_module(page: Page, served: tuple[Path, str]) -> None:
    """One that refuses the module of one function."""
    folder, address = served
    (folder / SIMD).unlink()
    page.add_init_script("WebAssembly.validate = () => false;")
    page.goto(f"{address}/index.html")
    expect(page.locator("output")).to_have_text("ready")


def test_they_are_small_and_the_same_every_time(
    modules: dict[str, bytes], released: integer_reference.Reference
) -> None:
    assert all(module[:4] == b"\0asm" and len(module) <= 85_000 for module in modules.values())
    texts = c_source.render(released, "0" * 64, THRESHOLDS)
    assert wasm.compile_module(*texts, "wasm_simd") == modules[SIMD] != modules[PLAIN]

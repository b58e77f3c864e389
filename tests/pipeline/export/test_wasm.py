"""The browser example's WebAssembly in headless Chromium: the reference's integers, and the server's digits.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

import functools
import html
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import digits as data
from pipeline.export import c_source, wasm
from pipeline.networks import integer_reference
from pipeline.synthesis import digit_drawing
from serving.images.digit import normalize, tensor
from serving.repository.store import Repository
from tests.support.paths import ROOT

EXAMPLE = ROOT / "examples" / "browser"
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# A page that reads all pictures of `digits.bin`, side × side each, and shows what came out.
PAGE = """<!doctype html><pre id="out"></pre><script type="module">
import { load } from "./checkreader.js";
const read = await load("./lenet5-int8.wasm");
const side = SIDE, all = new Uint8Array(await (await fetch("./digits.bin")).arrayBuffer());
const found = [];
for (let at = 0; at < all.length; at += side * side) found.push(read(all.subarray(at, at + side * side), side, side));
document.getElementById("out").textContent = JSON.stringify(found);
</script>"""

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="`make edge-tools` installs chromium")


@pytest.fixture(scope="module")
def released() -> integer_reference.Reference:
    return integer_reference.load((Repository.open().folder / "edge/lenet5-int8.tflite").read_bytes())


@pytest.fixture(scope="module")
def module(released: integer_reference.Reference) -> bytes:
    return wasm.compile_module(*c_source.render(released, "0" * 64, 0.99))


@pytest.fixture
def served(tmp_path: Path, module: bytes) -> Iterator[tuple[Path, str]]:
    """The example's folder with the module, and its address."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "lenet5-int8.wasm").write_bytes(module)

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


def browse(folder: Path, address: str) -> str:
    """What is on the page when its scripts have run."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=60000"]
    done = subprocess.run(
        [*command, "--dump-dom", address], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def pictures() -> np.ndarray:
    """A thousand digits: MNIST's where it is at hand, else drawn ones."""
    if "CHECKREADER_DATA" in os.environ:
        return data.load("mnist", None).test.images[:1_000]
    rng = np.random.default_rng(0)
    return np.stack([digit_drawing.digit(i % 10, rng, 40) for i in range(1_000)])


@needs_browser
def test_a_browser_reads_as_the_reference_and_the_server(
    served: tuple[Path, str], released: integer_reference.Reference
) -> None:
    folder, address = served
    given = pictures()
    (folder / "digits.bin").write_bytes(given.tobytes())
    (folder / "page.html").write_text(PAGE.replace("SIDE", str(given.shape[1])))
    shown = browse(folder, f"{address}/page.html")
    text = re.search(r'<pre id="out">(.*?)</pre>', shown, re.S)
    assert text is not None
    found = json.loads(html.unescape(text[1]))
    pixels = np.stack([normalize(gray) for gray in given])
    expected = integer_reference.logits(released, pixels)
    np.testing.assert_array_equal([row["logits"] for row in found], expected)
    digits = [row["digit"] for row in found]
    assert digits == expected.argmax(1).tolist()
    (server,) = Repository.open().load("lenet5-int8").network.run(tensor(pixels))
    assert np.mean(server.argmax(1) == digits) >= 0.9998
    accepted = np.array([row["accepted"] for row in found])
    assert server.max(1)[accepted].min() >= 0.99 - 1e-3  # whatever the margin accepts
    assert accepted.mean() > 0.3


@needs_browser
def test_the_example_page_reads_what_is_drawn(served: tuple[Path, str]) -> None:
    folder, address = served
    assert ">ready</output>" in browse(folder, f"{address}/index.html")
    seven = "pen.moveTo(80, 60); pen.lineTo(190, 60); pen.lineTo(120, 230); pen.lineWidth = 16; pen.stroke(); show();"
    page = (EXAMPLE / "index.html").read_text()
    (folder / "drawn.html").write_text(page.replace("blank();\n</script>", f"blank(); {seven}\n</script>"))
    assert re.search(r">7, [a-z ]+</output>", browse(folder, f"{address}/drawn.html"))
    for file in ("index.html", "checkreader.js"):
        assert "http" not in (EXAMPLE / file).read_text()


@needs_browser
def test_the_example_page_says_what_is_missing(served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "lenet5-int8.wasm").unlink()
    assert "not ready: ./lenet5-int8.wasm: 404" in browse(folder, f"{address}/index.html")


def test_it_is_small_and_the_same_every_time(module: bytes, released: integer_reference.Reference) -> None:
    assert len(module) <= 80_000
    assert module[:4] == b"\0asm"
    assert wasm.compile_module(*c_source.render(released, "0" * 64, 0.99)) == module

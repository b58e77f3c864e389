"""Times WebAssembly modules of the classifier in headless Chromium, in turns in one page."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt
from playwright.sync_api import sync_playwright

from serving.errors import CheckreaderError

ROUNDS: Final = 60
# Returns for each round the ms that each module took for all pictures.
_TIME: Final = """async ([modules, pictures, rounds]) => {
    const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const pixels = bytes(pictures), count = pixels.length / 784;
    const loaded = await Promise.all(modules.map(async (module) => {
        const { instance } = await WebAssembly.instantiate(bytes(module));
        const { memory, __heap_base: base } = instance.exports;
        const missing = base.value + pixels.length + 10 - memory.buffer.byteLength;
        if (missing > 0) memory.grow(Math.ceil(missing / 65536));
        new Uint8Array(memory.buffer, base.value).set(pixels);
        return [instance.exports.checkreader_lenet5_classify, base.value];
    }));
    return Array.from({ length: rounds }, () => loaded.map(([classify, base]) => {
        const start = performance.now();
        for (let i = 0; i < count; i++) classify(base + 784 * i, base + 784 * count);
        return performance.now() - start;
    }));
}"""


def microseconds(
    modules: Mapping[str, bytes], pixels: npt.NDArray[np.uint8], rounds: int = ROUNDS
) -> dict[str, float]:
    """Returns the median µs a picture of each module, by name.

    Args:
        modules: the files' contents.
        pixels: uint8 [N, 28, 28]; all are classified in each round by every module, one after the other.
        rounds: how often; the first half is not counted, while Chromium still compiles.

    Raises:
        CheckreaderError: Chromium is not installed.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        raise CheckreaderError("chromium is not installed: `make edge-tools` installs it")
    encoded = [base64.b64encode(module).decode() for module in modules.values()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page()
            pictures = base64.b64encode(pixels.tobytes()).decode()
            durations = page.evaluate(_TIME, [encoded, pictures, rounds])
        finally:
            browser.close()
    counted = durations[rounds // 2 :]
    return {
        name: round(1e3 * median(row[index] for row in counted) / len(pixels), 2)
        for index, name in enumerate(modules)
    }

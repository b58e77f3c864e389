"""Writes the documents' pictures of the page, with its drawn check and pictures of `models/golden/` on it.

`make page-picture` runs this. Each picture holds the hash of the page that it shows, so that a test notices when the
page has changed since.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.serving.web.conftest import ROOT, with_module
from tests.support.browser import Tab, chromium
from tests.support.page_actions import IDLE, LAYERS, switch, wait_for_reading

COLORS = 96
HASH = "page-sha256"  # the pictures' text chunk
PAGE = ROOT / "serving" / "web" / "static"


def page_hash() -> str:
    """Returns the SHA-256 of the names and contents of the page's files."""
    digest = hashlib.sha256()
    for file in sorted(PAGE.iterdir()):
        if file.name != "docs.html":
            digest.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def show_check(tab: Tab) -> None:
    """Reads the drawn check."""
    switch(tab, "check")
    for _ in range(2):  # the first warms the service up
        tab.page.click("#clear")
        tab.page.click("#samples button")
        tab.until(f"{IDLE} && document.querySelectorAll('#places button').length")


def show_digit(tab: Tab, golden: Path) -> None:
    """Reads one digit, at last in the browser."""
    for file in ("8b.png", "2a.png"):
        tab.drop("#stage", golden / file)
        wait_for_reading(tab, file[0])
        tab.until(f"{LAYERS} === 8")
    switch(tab, "browser")
    tab.until("document.querySelectorAll('#times tr').length === 2")
    tab.evaluate("document.querySelector('#result').scrollIntoView()")


def photograph(tab: Tab, file: Path) -> None:
    """Writes a screenshot of the window with few colors, and the page's hash in it."""
    tab.evaluate("document.activeElement.blur()")
    picture = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    file.parent.mkdir(parents=True, exist_ok=True)
    text = PngInfo()
    text.add_text(HASH, page_hash())
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True, pnginfo=text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write page.png and page-phone.png.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name:
        models = with_module(Path(name, "models"))
        command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", "0", "--models", str(models)]
        with (
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as service,
            chromium() as browser,
        ):
            try:
                address = f"{service.stdout.readline().split()[-1]}/"
                desktop = Tab.new(browser, 1280, 1390)
                desktop.open(address)
                show_check(desktop)
                photograph(desktop, folder / "page.png")
                phone = Tab.new(browser, 390, 910, dark=True, mobile=True, scale=1.5)
                phone.open(address)
                show_digit(phone, models / "golden")
                photograph(phone, folder / "page-phone.png")
            finally:
                service.terminate()


if __name__ == "__main__":
    main()

"""The README's pictures of the page, with what `models/golden/` holds on it.

python -m tests.support.screenshots docs
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.serving.web.conftest import ROOT, with_module
from tests.support.chromium import Browser, launched
from tests.support.page_actions import LAYERS, read

_COLORS = 96


def desktop(page: Browser, golden: Path) -> None:
    """A whole amount, in light."""
    page.look(1280, 1390)
    page.click("[value=amount]")
    for file, text in (("field-c.png", "863"), ("field-b.png", "55.500")):  # the first warms the service up
        page.drop("#stage", golden / file)
        read(page, text)
        page.until(f"{LAYERS} === 8")


def phone(page: Browser, golden: Path) -> None:
    """One digit, read in the browser, in dark."""
    page.look(390, 910, dark=True, mobile=True, scale=1.5)
    for file in ("8b.png", "2a.png"):
        page.drop("#stage", golden / file)
        read(page, file[0])
        page.until(f"{LAYERS} === 8")
    page.click("[value=browser]")
    page.until("document.querySelectorAll('#times tr').length === 2")
    page.get("document.querySelector('#result').scrollIntoView()")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write page.png and page-phone.png.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as place:
        models = with_module(Path(place, "models"))
        command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", "0", "--models", str(models)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as service:
            try:
                address = f"{service.stdout.readline().split()[-1]}/"
                with launched(Path(place)) as tab:
                    for name, show in (("page.png", desktop), ("page-phone.png", phone)):
                        page = tab()
                        page.open(address)
                        show(page, models / "golden")
                        page.get("document.activeElement.blur()")
                        picture = Image.open(io.BytesIO(page.picture())).convert("RGB")
                        folder.mkdir(parents=True, exist_ok=True)
                        picture.quantize(_COLORS, dither=Image.Dither.NONE).save(folder / name, optimize=True)
            finally:
                service.terminate()


if __name__ == "__main__":
    main()

"""The page in headless Chromium: draw, drop, paste, choose, switch.

`make edge-tools` installs what this needs.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import operating_point
from serving.images.codec import decode
from serving.images.digit import normalize, tensor
from serving.manifest import GoldenField
from serving.recognition.field_recognizer import field_recognizer
from serving.repository.store import Repository
from tests.serving.web.conftest import OpenTab
from tests.support.browser import Tab
from tests.support.page_actions import IDLE, LAYERS, PROBLEM, SEVEN, ring, switch, wait_for_reading
from tests.support.tiny import tiff

VERSION = Repository.open().model("lenet5").version
DIGITS = ["0a.png", "3b.png", "7a.png", "9b.png"]


@pytest.mark.parametrize("where", ["server", "browser"])
@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "finger"])
def test_what_is_drawn_is_read(open_tab: OpenTab, where: str, touch: bool) -> None:
    tab = open_tab(390, 844, mobile=touch)
    switch(tab, where)
    tab.stroke("#paper", SEVEN, touch)
    wait_for_reading(tab, "7")
    tab.until("document.querySelector('#spoken').textContent.startsWith('7. ')")
    assert tab.texts("#bars th") == list("0123456789") or where == "server"
    tab.page.click("#clear")
    assert tab.evaluate("document.querySelector('#reading').hidden")
    tab.stroke("#paper", ring(0.5, 0.5, 0.18, 0.3), touch)
    wait_for_reading(tab, "0")


def test_drawing_reads_while_the_pen_is_down(tab: Tab) -> None:
    switch(tab, "browser")
    tab.stroke("#paper", SEVEN)
    wait_for_reading(tab, "7")
    before = len([url for url in tab.requests if url.endswith(("/digits", "/infer"))])
    x, y = tab.evaluate("(({x, y}) => [x, y])(document.querySelector('#paper').getBoundingClientRect())")
    tab.page.click("#clear")
    tab.page.mouse.move(x + 100, y + 80)
    tab.page.mouse.down()
    tab.page.mouse.move(x + 210, y + 80, steps=11)
    tab.until("!document.querySelector('#reading').hidden")
    tab.page.mouse.up()
    tab.until(IDLE)
    assert len([url for url in tab.requests if url.endswith(("/digits", "/infer"))]) == before == 0


@pytest.mark.parametrize("file", DIGITS)
def test_a_dropped_digit_is_the_same_on_both_sides(tab: Tab, golden: Repository, file: str) -> None:
    tab.drop("#stage", golden.folder / "golden" / file)
    wait_for_reading(tab, file[0])
    tab.until(f"{LAYERS} === 8")
    assert tab.evaluate("document.querySelector('#verdict').dataset.accepted") == "true"
    assert f"lenet5, version {VERSION}" in tab.texts("#facts dd")
    assert tab.texts("#bars th") == list("0123456789")
    assert len(tab.texts("#times tr")) == 1
    switch(tab, "browser")
    tab.until("document.querySelectorAll('#times tr').length === 2")
    wait_for_reading(tab, file[0])
    assert f"lenet5-int8, version {VERSION}" in tab.texts("#facts dd")
    assert [time[-2:] for time in tab.texts("#times td:last-child")] == ["ms", "ms"]


def test_the_probabilities_are_those_of_the_golden_set(tab: Tab, golden: Repository) -> None:
    switch(tab, "browser")
    for digit in golden.golden[0][::3]:
        tab.drop("#stage", golden.folder / "golden" / digit.file)
        wait_for_reading(tab, str(digit.digit))
        widths = tab.evaluate(
            "[...document.querySelectorAll('#bars i')].map((one) => parseFloat(one.style.width) / 100)"
        )
        expected = digit.expected["lenet5-int8"]["wasm"]
        assert widths == pytest.approx(expected, abs=1e-5), digit.file


def test_the_layers(tab: Tab, golden: Repository) -> None:
    tab.drop("#stage", golden.folder / "golden" / "4a.png")
    tab.until(f"{LAYERS} === 8")
    names = tab.evaluate("[...document.querySelectorAll('.layer b')].map((one) => one.textContent)")
    assert names == ["input", "C1", "S2", "C3", "S4", "C5", "F6", "probabilities"]
    sizes = tab.texts(".layer small")
    assert sizes[:3] == ["28 × 28", "6 maps of 28 × 28", "6 maps of 14 × 14"]
    maps = tab.evaluate(
        "[...document.querySelectorAll('.layer')].map((one) => one.querySelectorAll('canvas').length)"
    )
    assert maps == [1, 6, 6, 16, 16, 1, 1, 1]
    # The last strip is brightest where the digit is, and the input shows ink.
    strip = "document.querySelector('.layer:last-child canvas')"
    assert tab.evaluate(
        f"[...{strip}.getContext('2d').getImageData(0, 0, 10, 1).data].filter((_, i) => i % 4 === 3)"
    ) == [255 if digit == 4 else 0 for digit in range(10)]
    pixels = tensor(normalize(decode((golden.folder / "golden/4a.png").read_bytes()))[np.newaxis])
    c1, s2, *_ = golden.load("lenet5-features").network.run(pixels)
    for layer, expected in (("C1", c1[0]), ("S2", s2[0])):
        alphas = tab.evaluate(
            f"[...[...document.querySelectorAll('.layer')].find((one) => one.querySelector('b').textContent === '{layer}')"
            ".querySelectorAll('canvas')].map((one) => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]"
            ".filter((_, i) => i % 4 === 3))"
        )
        shares = np.array(alphas).reshape(6, *expected.shape[:2]) / 255
        positive = np.maximum(expected, 0)  # C1 has no activation of its own
        np.testing.assert_allclose(shares, np.moveaxis(positive / positive.max(), 2, 0), atol=0.01)
    assert all(len(text) > 30 for text in tab.texts(".layer p"))


def test_in_the_browser_nothing_is_sent_unless_asked(tab: Tab, golden: Repository) -> None:
    switch(tab, "browser")
    tab.drop("#stage", golden.folder / "golden" / "4a.png")
    wait_for_reading(tab, "4")
    tab.until(f"{LAYERS} === 1")
    assert not [url for url in tab.requests if url.endswith(("/digits", "/normalized", "/infer"))]
    tab.page.click("#ask-layers")
    tab.until(f"{LAYERS} === 8")
    assert not [url for url in tab.requests if url.endswith(("/digits", "/normalized"))]


def amounts(golden: Repository) -> list[GoldenField]:
    return [
        field
        for field, _ in golden.golden_fields
        if field.file in ("field-b.png", "field-d.png", "field-f.png")
    ]


def test_a_dropped_amount(tab: Tab, golden: Repository) -> None:
    loaded = golden.load("lenet5-field")
    reads = field_recognizer("lenet5-field", loaded.model, loaded.network, FieldFormat())
    switch(tab, "amount")
    for field in amounts(golden):
        tab.drop("#stage", golden.folder / "golden" / field.file)
        wait_for_reading(tab, field.text)
        digits = list(filter(str.isdigit, field.text))
        assert tab.texts("#boxes b") == tab.texts("#symbols b") == digits
        assert tab.texts("#facts dd")[1] == "".join(digits)
        boxes, frame = tab.evaluate(
            "[[...document.querySelectorAll('#boxes i')], [document.querySelector('.frame')]].map((all) => all"
            ".map((one) => one.getBoundingClientRect()).map(({ x, y, width, height }) => [x, y, width, height]))"
        )
        x, y, width, height = frame[0]
        data = (golden.folder / "golden" / field.file).read_bytes()
        rows, columns = decode(data).shape
        scale = [width / columns, height / rows] * 2
        scaled = (np.array(boxes) - [x, y, 0, 0]) / scale
        (reading,) = reads([data])
        np.testing.assert_allclose(scaled, [digit.box for digit in reading.digits], atol=0.05)
    tab.until(f"{LAYERS} === 8")
    tab.page.click("#symbols button:nth-child(2)")
    tab.until("document.querySelector('#layers-note').textContent.startsWith('Digit 2 of ')")
    assert tab.evaluate("document.querySelector('#symbols button:nth-child(2)').ariaPressed") == "true"


def test_a_dropped_micr_line(tab: Tab, golden: Repository) -> None:
    line, _ = golden.golden_lines[2]
    switch(tab, "micr")
    assert not tab.page.locator("#paper").is_visible()  # nobody draws one by hand
    tab.drop("#stage", golden.folder / "golden" / line.file)
    symbols = line.text.translate(str.maketrans("ABCD", "⑆⑇⑈⑉"))
    tab.until(f"{IDLE} && document.querySelector('#read').textContent.replaceAll(' ', '') === '{symbols}'")
    assert "".join(tab.texts("#boxes b")) == symbols
    assert tab.texts("#facts dt")[:3] == ["Routing", "Serial", "Account"]
    assert not tab.page.locator("#seen").is_visible()


def test_a_drawn_amount(tab: Tab) -> None:
    switch(tab, "amount")
    for x in (0.2, 0.4, 0.6):
        tab.stroke("#paper", ring(x, 0.5, 0.05, 0.2))
    wait_for_reading(tab, "000")
    assert tab.texts("#boxes b") == ["0", "0", "0"]
    assert tab.evaluate("document.querySelector('#invitation').hidden")
    x, y = tab.evaluate("(({x, y}) => [x, y])(document.querySelector('#paper').getBoundingClientRect())")
    tab.page.mouse.move(x + 400, y + 80)
    tab.page.mouse.down()
    assert tab.texts("#boxes b") == []  # what is written from now on moves what stands there
    tab.page.mouse.up()
    tab.until(f"document.querySelector('#boxes').children.length && {IDLE}")
    assert tab.evaluate("document.querySelector('#runtimes').hidden")  # the module reads digits alone
    assert tab.texts("#runtime-note") == ["The picture is posted to this server."]


def test_the_bound_decides(tab: Tab, golden: Repository, tmp_path: Path) -> None:
    switch(tab, "amount")
    assert tab.texts("#bound option") == [f"at most {bound}\u202f%" for bound in (2, 3, 5)]
    tab.drop("#stage", between(golden, tmp_path, 0.02, 0.05))
    choose_bound(tab, "0.05")
    tab.until("document.querySelector('#verdict').dataset.accepted === 'true'")
    choose_bound(tab, "0.02")
    tab.until("document.querySelector('#verdict').dataset.accepted === 'false'")
    assert "max_error 0.02" in tab.texts("#why")[0]
    switch(tab, "digit")
    assert tab.evaluate("document.querySelector('#bound').value") == "0.005"
    tab.page.click("#clear")  # the amount is read as a digit meanwhile
    tab.drop("#stage", golden.folder / "golden" / "7a.png")
    wait_for_reading(tab, "7")
    assert "from which on at most 0.5\u202f% of the accepted are wrong" in tab.texts("#why")[0]


@pytest.mark.parametrize(
    ("kind", "runtime"), [("digit", "server"), ("digit", "browser"), ("amount", "server")]
)
def test_the_bounds_are_those_of_the_model_and_the_first_that_of_a_request_without(
    tab: Tab, golden: Repository, kind: str, runtime: str
) -> None:
    """Four choices did the same, and the page began with another bound than a request that names none."""
    switch(tab, kind)
    if runtime == "browser":
        switch(tab, runtime)
    thresholds = golden.manifest.models["lenet5-field" if kind == "amount" else "lenet5"].thresholds
    values = tab.evaluate(
        "[...document.querySelectorAll('#bound option')].map((option) => Number(option.value))"
    )
    assert values == sorted(entry.max_error for entry in thresholds)
    selected = tab.evaluate("Number(document.querySelector('#bound').value)")
    assert selected == operating_point(thresholds).applied_max_error
    assert not tab.evaluate("document.querySelector('#bound').disabled")


def choose_bound(tab: Tab, bound: str) -> None:
    tab.evaluate(
        f"(() => {{ const bound = document.querySelector('#bound'); bound.value = '{bound}'; bound.dispatchEvent(new Event('change')); }})()"
    )


def between(golden: Repository, folder: Path, low: float, high: float) -> Path:
    """A golden amount so blurred that it is accepted at the higher bound alone."""
    loaded = golden.load("lenet5-field")
    strict, lax = (
        field_recognizer("lenet5-field", loaded.model, loaded.network, FieldFormat(), error)
        for error in (low, high)
    )
    path = folder / "blurred.png"
    for field, blur in itertools.product(golden.golden_fields, range(2, 24)):
        picture = Image.open(golden.folder / "golden" / field[0].file)
        picture.filter(ImageFilter.GaussianBlur(blur / 4)).save(path)
        (strict_prediction,), (lax_prediction,) = strict([path.read_bytes()]), lax([path.read_bytes()])
        if lax_prediction.accepted and not strict_prediction.accepted:
            return path
    raise AssertionError("no blur does it")


def test_paste_and_choose(tab: Tab, golden: Repository) -> None:
    tab.page.set_input_files("#file", golden.folder / "golden" / "8a.png")
    wait_for_reading(tab, "8")
    paste = """fetch('/web/golden/9a.png').then((reply) => reply.blob()).then((blob) => {
        const clipboardData = new DataTransfer();
        clipboardData.items.add(new File([blob], 'nine.png', { type: 'image/png' }));
        document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    })"""
    tab.evaluate(paste)
    wait_for_reading(tab, "9")
    tab.evaluate("document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: new DataTransfer() }))")
    assert tab.until(PROBLEM) == "There is no picture in the clipboard."


def test_the_first_load_over_the_wire(tab: Tab, address: str) -> None:
    sizes: list[float] = []
    tab.page.goto("about:blank")  # what the fixture's page still loads is not counted
    tab.devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    tab.devtools.send("Network.enable")
    tab.devtools.send("Network.clearBrowserCache")
    tab.open(f"{address}?cold")
    switch(tab, "browser")
    tab.until("document.querySelector('#runtime-note').textContent.includes('reads here')")
    tab.stroke("#paper", SEVEN)
    wait_for_reading(tab, "7")  # the module has come, too
    assert 60_000 < sum(sizes) <= 150_000


def test_every_page_of_a_scan(tab: Tab, golden: Repository, tmp_path: Path) -> None:
    digits = [Image.open(golden.folder / "golden" / f"{digit}a.png") for digit in (5, 3, 8)]
    (tmp_path / "digits.tiff").write_bytes(tiff(*digits))
    tab.drop("#stage", tmp_path / "digits.tiff")
    wait_for_reading(tab, "5")
    tab.until(f"{LAYERS} > 1")
    assert tab.texts("#pages b") == ["5", "3", "8"]
    assert tab.texts("#pages small")[2].startswith("page 3")
    tab.page.click("#pages button:nth-child(2)")
    wait_for_reading(tab, "3")
    pressed = "[...document.querySelectorAll('#pages button')].map(button => button.ariaPressed)"
    assert tab.evaluate(pressed) == ["false", "true", "false"]
    assert tab.texts("#spoken")[0].startswith("Page 2 of 3. 3.")
    # The layers are those of the page: the probabilities, their last, are the reading's.
    tab.until("document.querySelector('#bars .best th').textContent === '3'")
    tab.drop("#stage", golden.folder / "golden" / "7a.png")
    wait_for_reading(tab, "7")
    assert tab.evaluate("document.querySelector('#pages-part').hidden")


def test_layers_of_an_amount_on_a_later_page(tab: Tab, golden: Repository, tmp_path: Path) -> None:
    """Its digits may lie outside of the pages before."""
    field = Image.open(golden.folder / "golden" / "field-b.png").convert("L")
    sheet = Image.new("L", (field.width * 2, field.height * 3), 255)
    sheet.paste(field, (field.width, field.height * 2))
    (tmp_path / "amounts.tiff").write_bytes(tiff(field, sheet))
    switch(tab, "amount")
    tab.drop("#stage", tmp_path / "amounts.tiff")
    tab.until("document.querySelectorAll('#pages button').length === 2")
    tab.until(f"{LAYERS} > 1")
    tab.page.click("#pages button:nth-child(2)")
    tab.until("document.querySelector('#pages button:nth-child(2)').ariaPressed === 'true'")
    tab.page.click("#symbols button:nth-child(2)")
    tab.until("document.querySelector('#symbols button:nth-child(2)').ariaPressed === 'true'")
    tab.until("document.querySelector('#layers-note').textContent.startsWith('Digit 2')")
    assert tab.evaluate(PROBLEM) == ""

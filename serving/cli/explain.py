"""`checkreader explain`: draws one picture as the network sees it, layer by layer, and the ink that decides.

The layers come from `lenet5-features`, the released network with every layer's activations as outputs.
Which ink matters is found by occlusion (Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2014):
a square of paper covers every place in turn, and the measure is how much less likely the predicted digit then is.
That takes no gradients, which ONNX Runtime does not give, so it explains the very file that is served, without
TensorFlow, and 784 occluded pictures are a few batches.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from serving.errors import CheckreaderError, naming
from serving.images.codec import Gray
from serving.images.digit import SIDE, tensor
from serving.images.pages import only_page
from serving.recognition import digits
from serving.repository.store import Repository
from serving.runtime.network import Floats, Network

MODEL: Final = "lenet5-features"
PATCH: Final = 5  # side of the square of paper, in pixels
_LAYERS: Final = ("c1", "s2", "c3", "s4", "c5", "f6")

_WIDTH: Final = 1000
_MARGIN: Final = 24
_LABEL: Final = 96  # width of the column with the layers' names
_GAP: Final = 6
_LARGE: Final = 8  # screen pixels for one of the picture
_BLUE: Final = np.array((11, 102, 176))
_ORANGE: Final = np.array((200, 82, 10))
_INK: Final = (29, 35, 43)
_MUTED: Final = (92, 102, 114)
_PAPER: Final = (255, 255, 255)
_GROUND: Final = (246, 247, 249)


@dataclass(frozen=True, eq=False)
class Explanation:
    """One picture's activations, probabilities and saliency.

    Attributes:
        pixels: uint8 [28, 28], the normalized picture.
        probabilities: float32 [10].
        layers: each layer's activations, float32 [H, W, C] or [C], by name.
        saliency: float32 [28, 28], how much the log-odds of the predicted digit fall when a square around that pixel is
            covered with paper; negative where they rise.
    """

    pixels: Gray
    probabilities: Floats
    layers: dict[str, Floats]
    saliency: Floats

    @property
    def digit(self) -> int:
        """The predicted digit."""
        return int(self.probabilities.argmax())


def explain(network: Network, pixels: Gray) -> Explanation:
    """Runs the network on the picture and on it with every place covered.

    Args:
        network: `lenet5-features`.
        pixels: uint8 [28, 28], normalized.

    Raises:
        CheckreaderError: the network's layers are not among its outputs.
    """
    names = [output.name for output in network.outputs]
    if missing := [name for name in (*_LAYERS, "probabilities") if name not in names]:
        raise CheckreaderError(f"the model shows no {', '.join(missing)}: expected the released {MODEL}")
    outputs = dict(zip(names, network.run(tensor(pixels[None])), strict=True))
    probabilities = np.asarray(outputs["probabilities"][0], np.float32)
    digit = int(probabilities.argmax())
    covered = network.run(tensor(occluded(pixels)))[names.index("probabilities")][:, digit]
    saliency = _log_odds(probabilities[digit]) - _log_odds(covered).reshape(SIDE, SIDE)
    layers = {name: np.asarray(outputs[name][0], np.float32) for name in _LAYERS}
    return Explanation(pixels, probabilities, layers, saliency.astype(np.float32))


def occluded(pixels: Gray) -> Gray:
    """Covers a picture, uint8 [H, W], with a square of paper around each pixel in turn; returns uint8 [H·W, H, W]."""
    height, width = pixels.shape
    reach = PATCH // 2
    rows, columns = np.arange(height), np.arange(width)
    near_row = np.abs(rows[:, None] - rows) <= reach  # [place, row]
    near_column = np.abs(columns[:, None] - columns) <= reach
    hidden = near_row[:, None, :, None] & near_column[None, :, None, :]
    return np.where(hidden, np.uint8(0), pixels).reshape(height * width, height, width)


def _log_odds(probability: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    p = np.clip(np.asarray(probability, np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(p / (1 - p)))


def draw(explanation: Explanation) -> Image.Image:
    """Draws the explanation as one picture in RGB, 1,000 pixels wide."""
    font, small = ImageFont.load_default(20), ImageFont.load_default(14)
    rows = [(name.upper(), _maps(name, explanation.layers[name])) for name in _LAYERS]
    top = _MARGIN + 40
    below = top + SIDE * _LARGE + 44
    heights = [_height(tiles) for _, tiles in rows]
    sheet = Image.new("RGB", (_WIDTH, below + sum(heights) + 18 * len(rows) + _MARGIN), _PAPER)
    pen = ImageDraw.Draw(sheet)
    confidence = float(explanation.probabilities[explanation.digit])
    pen.text((_MARGIN, _MARGIN), f"Read as {explanation.digit}, probability {confidence:.1%}", _INK, font)
    normalized = (
        Image.fromarray(255 - explanation.pixels)
        .convert("RGB")
        .resize((SIDE * _LARGE,) * 2, Image.Resampling.NEAREST)
    )
    places = [_MARGIN + i * (SIDE * _LARGE + 40) for i in range(3)]
    sheet.paste(normalized, (places[0], top))
    sheet.paste(_overlay(explanation), (places[1], top))
    for x, words in zip(places, ("normalized", "what the reading hangs on", "probabilities"), strict=True):
        pen.text((x, top + SIDE * _LARGE + 4), words, _MUTED, small)
    for x in places[:2]:
        pen.rectangle((x - 1, top - 1, x + SIDE * _LARGE, top + SIDE * _LARGE), outline=(225, 229, 234))
    _draw_probabilities(pen, explanation, places[2], top, small)
    y = below
    for (label, tiles), height in zip(rows, heights, strict=True):
        pen.text((_MARGIN, y), label, _INK, font)
        x, line = _MARGIN + _LABEL, y
        for tile in tiles:
            if x + tile.width > _WIDTH - _MARGIN:
                x, line = _MARGIN + _LABEL, line + tile.height + _GAP
            sheet.paste(tile, (x, line))
            x += tile.width + _GAP
        y += height + 18
    return sheet


def _overlay(explanation: Explanation) -> Image.Image:
    """Draws the digit in gray under its saliency: blue speaks for the predicted digit, orange against it."""
    tint = _tinted(explanation.saliency, float(np.abs(explanation.saliency).max()))
    shade = (255 - 0.45 * explanation.pixels[..., None]) / 255
    picture = np.rint(tint * shade).astype(np.uint8)
    return Image.fromarray(picture).resize((SIDE * _LARGE,) * 2, Image.Resampling.NEAREST)


def _tinted(values: npt.NDArray[Any], most: float, ground: tuple[int, int, int] = _PAPER) -> npt.NDArray[Any]:
    """Colors numbers, [H, W] → [H, W, 3], from orange over the ground to blue."""
    amount = np.clip(np.abs(values) / max(most, 1e-12), 0, 1)[..., None]
    return np.asarray(
        amount * np.where(values[..., None] >= 0, _BLUE, _ORANGE) + (1 - amount) * np.array(ground)
    )


def _maps(name: str, values: Floats) -> list[Image.Image]:
    """Draws a layer's maps, enlarged so that six or eight stand in a row; a vector as one block."""
    columns = {"c5": 40, "f6": 28}.get(name)
    if columns is not None:
        maps, scale = [values.reshape(-1, columns)], 20
    else:
        maps = [values[..., channel] for channel in range(values.shape[2])]
        scale = max(1, (112 if len(maps) < 10 else 92) // values.shape[1])
    most = float(np.abs(values).max())
    pictures = []
    for activations in maps:
        pixels = np.rint(_tinted(activations, most, _GROUND)).astype(np.uint8)
        size = activations.shape[1] * scale, activations.shape[0] * scale
        pictures.append(Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST))
    return pictures


def _height(tiles: list[Image.Image]) -> int:
    """Returns the height of a layer's tiles in as many rows as they need."""
    across = (_WIDTH - 2 * _MARGIN - _LABEL + _GAP) // (tiles[0].width + _GAP)
    return -(-len(tiles) // across) * (tiles[0].height + _GAP) - _GAP


def _draw_probabilities(
    pen: ImageDraw.ImageDraw,
    explanation: Explanation,
    x: int,
    y: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    step = SIDE * _LARGE / len(explanation.probabilities)
    for digit, probability in enumerate(explanation.probabilities.tolist()):
        middle = y + (digit + 0.5) * step
        pen.text((x, middle), str(digit), _INK, font, anchor="lm")
        end = x + 22 + probability * 260
        pen.rectangle((x + 22, middle - 7, end, middle + 7), fill=tuple(_BLUE.tolist()))
        pen.text((end + 8, middle), f"{probability:.1%}", _MUTED, font, anchor="lm")


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    command.add_argument("file", metavar="FILE", help="PNG, JPEG, TIFF, BMP or WebP; - = standard input")
    command.add_argument(
        "--out", type=Path, default=Path("explained.png"), metavar="PNG", help="what to write (%(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command."""
    _check_writable(options.out)
    network = Repository.open(options.models).load(MODEL, "onnxruntime").network
    encoded = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    try:
        pixels = digits.normalize_pictures([only_page(encoded)]).pixels[0]
    except CheckreaderError as error:
        raise CheckreaderError(f"{options.file}: {error}") from None
    if not pixels.any():
        raise CheckreaderError(f"{options.file}: blank: no ink found, nothing to explain")
    explanation = explain(network, pixels)
    picture = io.BytesIO()
    draw(explanation).save(picture, "PNG", optimize=True)
    part = options.out.with_name(f".{os.getpid()}.{options.out.name}")
    try:  # whole or not at all
        with naming(options.out, part):
            part.write_bytes(picture.getvalue())
            part.replace(options.out)
    finally:
        part.unlink(missing_ok=True)
    print(
        f"{options.out}: read as {explanation.digit}, probability {explanation.probabilities[explanation.digit]:.1%}"
    )
    return 0


def _check_writable(path: Path) -> None:
    """Raises CheckreaderError if no picture can be written there, before anything is computed."""
    if path.suffix.lower() != ".png":
        raise CheckreaderError(f"--out {path}: a PNG is written: name it .png")
    if not path.parent.is_dir():
        raise CheckreaderError(f"--out {path}: there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        raise CheckreaderError(f"--out {path}: is there already and no file: choose another name")

"""Seeds for the fuzzers: pictures in every format and valid requests, made by code."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris
import msgspec
from PIL import Image

from tests.support.tiny import png, seven

MEMORY = 2048  # MB


def pictures() -> list[bytes]:
    """Returns a picture of every format and mode that `serving.images.codec.decode` distinguishes."""
    gray = seven(24)
    color, alpha = gray.convert("RGB"), gray.convert("RGBA")
    deep = gray.convert("I").point(lambda level: level * 256)
    turned = Image.Exif()
    turned[0x0112] = 6
    pages = [gray, gray.rotate(90)]
    return [
        *(png(gray, kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP")),
        *(png(color, kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP")),
        *(png(alpha, kind) for kind in ("PNG", "TIFF", "WEBP")),
        *(png(gray.convert("P"), kind) for kind in ("PNG", "TIFF", "BMP")),
        *(png(gray.convert("1"), kind) for kind in ("PNG", "TIFF", "BMP")),
        *(png(deep.convert("I;16"), kind) for kind in ("PNG", "TIFF")),
        *(
            png(gray, "TIFF", compression=kind)
            for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ),
        png(gray.convert("1"), "TIFF", compression="group4"),
        png(gray.convert("CMYK"), "JPEG"),
        png(gray, "JPEG", progressive=True, exif=turned),
        png(gray, "WEBP", lossless=True),
        *(png(pages[0], kind, save_all=True, append_images=pages[1:]) for kind in ("PNG", "TIFF", "WEBP")),
        b"",
        b"hello",
    ]


def _infer(parts: bytes = b"", **changes: object) -> bytes:
    tensor = {"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1]} | changes
    if parts:
        tensor["parameters"] = {"binary_data_size": len(parts)}
    head = msgspec.json.encode({"inputs": [tensor], "outputs": [{"name": "probabilities"}]})
    return b"+\n" + head + b"\0" + parts if parts else b"\n" + head


def requests() -> list[bytes]:
    """Returns requests as `fuzz_tensors` reads them: the header's value, a line break, the body."""
    row = [[[0.5]] * 28] * 28
    predictions = (
        {"instances": [{"b64": "aGVsbG8="}], "signature_name": "serving_default"},
        {"instances": [{"image": {"b64": "aGVsbG8="}}]},
        {"instances": [row]},
        {"inputs": {"image": [row]}},
        {"inputs": [[[1, 2], [3, 4]]]},
    )
    return [
        _infer(bytes(784)),
        _infer(b"\5\0\0\0hello", datatype="BYTES", shape=[1]),
        _infer(bytes(8), name="x", datatype="INT16", shape=[2, 2]),
        _infer(datatype="BYTES", shape=[1], data=["aGVsbG8="]),
        _infer(datatype="BYTES", shape=[0], data=[]),
        _infer(datatype="FP32", data=[row]),
        _infer(data=[0] * 784),
        _infer(name="x", datatype="FP32", shape=[0], data=[]),
        _infer(name="x", datatype="FP32", shape=[2, 1], data=[0.5, 1]),
        _infer(name="x", datatype="INT64", shape=[2, 2], data=[[1, 2], [3, 4]]),
        b"0\n" + bytes(3136),
        b'\n{"inputs":[],"parameters":{"timeout":5,"binary_data_output":true}}',
        *(b"\n" + msgspec.json.encode(body) for body in predictions),
    ]


def run(
    target: Callable[[bytes], object], seeds: Iterable[bytes], longest: int, **more: Callable[..., bytes]
) -> None:
    """Fuzzes `target` from `seeds`; the command line is libFuzzer's, `more` is for `atheris.Setup`."""
    with tempfile.TemporaryDirectory(prefix="checkreader-fuzz-") as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / f"{number:02}").write_bytes(seed)
        options = [f"-max_len={longest}", f"-rss_limit_mb={MEMORY}"]
        atheris.Setup([sys.argv[0], *options, *sys.argv[1:], folder], target, **more)
        atheris.Fuzz()

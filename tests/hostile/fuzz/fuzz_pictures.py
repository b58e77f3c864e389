"""Pictures to `serving.images`, where nothing but CheckreaderError may escape; run it with -max_total_time=60."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["serving", "PIL"]):
    from serving.errors import CheckreaderError
    from serving.images.codec import decode
    from serving.images.digit import SIDE, normalize
    from serving.images.pages import split

from tests.support import fuzz_corpus

LONGEST = 8192
PIXELS = 2**18  # few enough for many pictures a second


def target(data: bytes) -> None:
    try:
        pages = split(data)
    except CheckreaderError as error:
        str(error).encode()  # so that a reply can hold it
        return
    for _, gray in pages.each(lambda page: decode(page, PIXELS)):
        if isinstance(gray, CheckreaderError):
            str(gray).encode()
            continue
        assert gray.ndim == 2
        assert gray.dtype == "uint8"
        assert normalize(gray).shape == (SIDE, SIDE)


if __name__ == "__main__":
    fuzz_corpus.run(target, fuzz_corpus.pictures(), LONGEST)

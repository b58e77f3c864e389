"""Lines of several widths and lines that cannot be read go through the network together, each its own answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from serving.decoding.thresholds import operating_point
from serving.errors import CheckreaderError
from serving.recognition import micr_recognizer
from serving.recognition.micr_recognizer import MicrRecognizer
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository
from tests.support.micr_lines import NAME, TEXT, picture
from tests.support.tiny import png

SHORT = "A021000021A 12345C"


@pytest.fixture(scope="module")
def loaded(micr_models: Path) -> LoadedModel:
    return Repository.open(micr_models).load(NAME)


def recognizer(loaded: LoadedModel, **options) -> MicrRecognizer:
    return micr_recognizer.micr_recognizer(NAME, loaded.model, loaded.network, **options)


def test_each_line_has_its_own_answer(loaded: LoadedModel) -> None:
    blank = png(Image.new("L", (200, 40), 255))
    lines = recognizer(loaded)([png(picture(SHORT)), blank, png(picture()), png(picture(SHORT))])
    assert [line.text for line in lines] == [SHORT, "", TEXT, SHORT]
    assert [line.reason for line in lines] == [None, "blank: no ink found", None, None]
    assert lines[0] == lines[3]


def test_what_the_network_reads_is_one_image_for_each_width(loaded: LoadedModel) -> None:
    sources = micr_recognizer.normalize_pictures([png(picture()), png(picture(SHORT)), png(picture())])
    reading = micr_recognizer.start(sources, loaded.model, "auto", operating_point([]))
    assert [len(image) for image in reading.images] == [1, 2]
    assert not reading.continued
    finished = reading.proceed([loaded.network.infer(image) for image in reading.images])
    assert not finished.images
    assert [line.text for line in finished.predictions] == [TEXT, SHORT, TEXT]
    assert reading.finished == {}


def test_options_are_checked(loaded: LoadedModel) -> None:
    with pytest.raises(CheckreaderError, match="country must be one of"):
        recognizer(loaded, country="fr")
    with pytest.raises(CheckreaderError, match="max_error must be"):
        recognizer(loaded, max_error=2.0)

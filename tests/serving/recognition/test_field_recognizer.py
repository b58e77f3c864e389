"""How many views of a field are read: the same in every door, whatever is read beside it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import checkreader
from pipeline.evaluation import field_readings
from serving.bulk.job import Job, Worker
from serving.decoding import alphabet as alphabets
from serving.decoding.ctc import Hypothesis
from serving.decoding.field_string import DecodedField, field_format
from serving.decoding.thresholds import operating_point, point_of
from serving.engine.dataplane import DataPlane
from serving.engine.served_model import load_model, load_models
from serving.engine.statistics import Counts
from serving.images.codec import decode
from serving.manifest import Model, Sliding
from serving.recognition import field_recognizer
from serving.recognition.field_recognizer import FieldReading
from serving.recognition.fields import LocatedField, normalize_pictures
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository
from serving.settings import Settings
from tests.support.tiny import SLIDING, amount, png, seven

NAME = "lenet5-field"
SURE = 0.99
NUMBER = field_format("number")
NOTHING_ACCEPTED = operating_point([])
VIEWS = len(SLIDING.slants)


def leaning(text: str, slant: float) -> bytes:
    picture = amount(text)
    turned = (1, slant, -slant * picture.height / 2, 0, 1, 0)
    return png(picture.transform(picture.size, Image.Transform.AFFINE, turned, fillcolor=240))


# By what the tiny network makes of the first view: probabilities 0.92, 1, 1, 0.98, and nothing to read.
PICTURES = [leaning("6089", -0.05), leaning("47", 0.0), leaning("903.6", 0.0), leaning("8", 0.0)]
PICTURES.append(png(seven(ink=255, paper=255)))
EXPECTED_VIEWS = [2, 1, 1, 2, 0]


@pytest.fixture(scope="module")
def loaded(models: Path) -> LoadedModel:
    return Repository.open(models).load(NAME)


@pytest.fixture(scope="module")
def sources() -> list[LocatedField]:
    return normalize_pictures(PICTURES)


def with_views(loaded: LoadedModel, sure: float | None, slants: tuple[float, ...] = SLIDING.slants) -> Model:
    sliding = msgspec.structs.replace(SLIDING, slants=slants, sure=sure)
    return msgspec.structs.replace(loaded.model, sliding=sliding)


def read(loaded: LoadedModel, sources: list[LocatedField], model: Model) -> FieldReading:
    """Reads each picture by itself in the network, so that its answers are the same to the last place."""

    def infer(image: np.ndarray) -> np.ndarray:
        return np.concatenate([loaded.network.infer(row[None]) for row in image])

    return field_recognizer.read(sources, infer, model, NUMBER, NOTHING_ACCEPTED)


def test_other_views_are_read_where_the_first_leaves_doubt(loaded: LoadedModel, sources) -> None:
    """What is sure is what one view says, what is not is what all say."""
    first, every = (
        read(loaded, sources, with_views(loaded, None, slants)).predictions
        for slants in (SLIDING.slants[:1], SLIDING.slants)
    )
    rows: list[int] = []

    def infer(image: np.ndarray) -> np.ndarray:
        rows.append(len(image))
        return np.concatenate([loaded.network.infer(row[None]) for row in image])

    reading = field_recognizer.read(sources, infer, with_views(loaded, SURE), NUMBER, NOTHING_ACCEPTED)
    assert [reading.views[index] for index in range(len(sources))] == EXPECTED_VIEWS
    assert sum(rows) == sum(EXPECTED_VIEWS)
    for prediction, views, of_one, of_all in zip(
        reading.predictions, EXPECTED_VIEWS, first, every, strict=True
    ):
        assert prediction == (of_one if views < VIEWS else of_all)
    assert first[0].confidence < SURE < first[1].confidence
    assert first[0] != every[0]


def test_all_views_are_read_where_the_manifest_does_not_say_when_one_is_enough(
    loaded: LoadedModel, sources
) -> None:
    reading = field_recognizer.start(sources, with_views(loaded, None), NUMBER, NOTHING_ACCEPTED)
    assert sum(map(len, reading.images)) == 4 * VIEWS
    reading = read(loaded, sources, with_views(loaded, None))
    assert [reading.views[index] for index in range(len(sources))] == [2, 2, 2, 2, 0]


@given(st.lists(st.integers(0, len(PICTURES) - 1), max_size=8), st.sampled_from([0.5, 0.97, SURE, 0.9999]))
def test_a_field_is_read_as_if_it_were_alone(loaded: LoadedModel, sources, order, sure: float) -> None:
    model = with_views(loaded, sure)
    together = read(loaded, [sources[index] for index in order], model)
    for place, index in enumerate(order):
        alone = read(loaded, [sources[index]], model)
        assert together.predictions[place] == alone.predictions[0]
        assert together.views[place] == alone.views[0]


@pytest.mark.parametrize(
    ("probability", "valid", "exact", "doubt"),
    [(0.9, True, True, False), (0.89, True, True, True), (1.0, False, True, True), (1.0, True, False, True)],
)
def test_doubt(probability: float, valid: bool, exact: bool, doubt: bool) -> None:
    decoded = DecodedField((Hypothesis((1,), probability),), (1,), None, valid, exact, 1.0)
    sliding = Sliding(32, 40, 2, 20, 20, 16, (0.0, 0.1), sure=0.9)
    assert field_recognizer.in_doubt(decoded, sliding) == doubt
    assert not field_recognizer.in_doubt(decoded, msgspec.structs.replace(sliding, sure=None))


@pytest.fixture
def sure_models(own_models: Path) -> Path:
    path = own_models / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["models"][NAME]["sliding"]["sure"] = SURE
    path.write_text(json.dumps(manifest))
    return own_models


def test_every_door_reads_alike(sure_models: Path, tmp_path: Path) -> None:
    """Text and confidence over the service, in a folder, in Python and in evaluation are those of one recognizer."""
    repository = Repository.open(sure_models)
    loaded = repository.load(NAME)
    recognize = field_recognizer.field_recognizer(NAME, loaded.model, loaded.network, NUMBER)
    expected = [(prediction.text, prediction.confidence) for prediction in recognize(PICTURES)]
    one_view = msgspec.structs.replace(loaded.model, sliding=with_views(loaded, None, (0.0,)).sliding)
    other = field_recognizer.field_recognizer(NAME, one_view, loaded.network, NUMBER)(PICTURES)
    assert expected != [(prediction.text, prediction.confidence) for prediction in other]

    for number, picture in enumerate(PICTURES):
        (tmp_path / f"{number}.png").write_bytes(picture)
    point = point_of(loaded.model, None)
    lines = Worker(Job(str(tmp_path), str(sure_models), NAME, loaded.model.version, NUMBER, point))(
        [f"{number}.png" for number in range(len(PICTURES))]
    )
    in_python = checkreader.open(sure_models).number(PICTURES)
    alphabet = alphabets.parse(loaded.model.labels)
    evaluated = field_readings.field_recognizer(
        loaded.network.infer, alphabet, loaded.model.confidence, sliding=loaded.model.sliding
    )([decode(picture) for picture in PICTURES])
    readings = {
        "service": served(sure_models),
        "folder": [(line["text"], line["confidence"]) for line in map(json.loads, lines)],
        "Python": [(reading.text, reading.confidence) for reading in in_python],
        "evaluation": [(field.text, field.confidence) for field in evaluated],
    }
    for door, pairs in readings.items():
        assert [text for text, _ in pairs] == [text for text, _ in expected], door
        assert [sure for _, sure in pairs] == pytest.approx([sure for _, sure in expected], abs=1e-5), door
    assert [field.views for field in evaluated] == EXPECTED_VIEWS


def served(models: Path) -> list[tuple[str, float]]:
    """Posts the pictures at once, each in a request of its own, and checks that no more views are read than due."""
    repository, settings, counts = Repository.open(models), Settings(), Counts()
    release = load_models(
        repository, settings, lambda name, entry: load_model(repository, counts, settings, name, entry)
    )
    plane = DataPlane(release.models, "lenet5", settings)

    async def post() -> list[tuple[str, float]]:
        answers = await asyncio.gather(
            *(plane.read_fields([picture], field_format=NUMBER) for picture in PICTURES)
        )
        return [(prediction.text, prediction.confidence) for *_, page in answers for prediction in page]

    readings = asyncio.run(post())
    assert plane.find(NAME).statistics.rows == sum(EXPECTED_VIEWS)
    return readings

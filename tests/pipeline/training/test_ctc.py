"""Training with CTC: a small network learns a small script, and averaging and statistics are put right."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline import progress
from pipeline.augmentation import field as stream
from pipeline.augmentation.batch_stream import BatchStream
from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field
from pipeline.networks.lenet5_field import ALPHABET, CLASSES
from pipeline.synthesis.sampler import Item
from pipeline.training import ctc

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def script(rng: np.random.Generator, count: int) -> list[Item]:
    """An alphabet that even a few steps of training can read: 0 is a bar on top, 1 a bar below."""
    made: list[Item] = []
    for _ in range(count):
        labels = rng.integers(0, 2, rng.integers(1, 4))
        pixels = np.zeros((32, 16 * len(labels)), np.uint8)
        for i, label in enumerate(labels):
            pixels[6 + 14 * label : 12 + 14 * label, 16 * i + 3 : 16 * i + 13] = 255
        made.append((pixels, "".join(map(str, labels))))
    return made


def test_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    monkeypatch.setattr(progress, "note", notes.append)
    keras.utils.set_random_seed(0)
    config = FieldTrainConfig(fields=640, views=2, batch=16, averaging=0.9, precision="float32")
    model = lenet5_field.build(keras, CLASSES)
    train, other = script(np.random.default_rng(0), 320), script(np.random.default_rng(1), 50)

    def rounds(first: int):
        for number in itertools.count(first):
            yield stream.batches(train, config.batch, 1, np.random.default_rng([2, number]), ALPHABET)

    ctc.fit(model, config, BatchStream(rounds), (), name="train, opening")
    assert notes[-1] == "train, opening: step 80 of 80"
    assert ctc.accuracy(model, other) > 0.9
    assert ctc.accuracy(lenet5_field.fold(keras, model), other) > 0.9


def test_greedy() -> None:
    steps = np.full((7, 9), -5.0, np.float32)
    for t, label in enumerate((8, 3, 3, 8, 3, 7, 7)):
        steps[t, label] = 5
    assert ctc.greedy(steps) == (3, 3, 7)
    assert ctc.greedy(np.zeros((0, 9), np.float32)) == ()


def test_logits_do_not_depend_on_the_company() -> None:
    keras.utils.set_random_seed(1)
    model = lenet5_field.build(keras, CLASSES, normalized=False)
    fields = [pixels for pixels, _ in script(np.random.default_rng(3), 5)]
    together = ctc.logits(model, fields, size=2)
    for field, found in zip(fields, together, strict=True):
        np.testing.assert_allclose(ctc.logits(model, [field])[0], found, atol=1e-4)


def test_probabilities_are_the_softmax() -> None:
    model = lenet5_field.build(keras, CLASSES, normalized=False)
    image = np.random.default_rng(4).random((2, 32, 64, 1), np.float32)
    np.testing.assert_allclose(ctc.probabilities(model)(image), tf.nn.softmax(model(image)), atol=1e-6)


def test_marks_that_labels_do_not_name() -> None:
    """Summed into the blank, a mark costs nothing; the mass of every other symbol stays."""
    logits = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 14)).astype(np.float32))
    declared = np.full(14, True)
    declared[[10, 12]] = False
    merged = tf.nn.softmax(ctc.merge_undeclared(logits, tf.constant(declared))).numpy()
    before = tf.nn.softmax(logits).numpy()
    np.testing.assert_allclose(merged[..., :10], before[..., :10], rtol=1e-5)
    np.testing.assert_allclose(merged[..., 11], before[..., 11], rtol=1e-5)
    np.testing.assert_allclose(merged[..., 13], before[..., [10, 12, 13]].sum(-1), rtol=1e-5)
    assert not merged[..., [10, 12]].any()
    everything = ctc.merge_undeclared(logits, tf.constant(np.full(14, True)))
    np.testing.assert_array_equal(everything, logits)


def test_a_field_without_labels_is_to_be_blank_throughout() -> None:
    keras.utils.set_random_seed(0)
    model = lenet5_field.build(keras, CLASSES, normalized=False)
    batch = stream.make_batch([(np.full((32, 40), 99, np.uint8), "")], ALPHABET)
    loss = ctc.loss(model(batch.image), tf.constant(batch.steps), tf.constant(batch.labels))
    steps = tf.nn.log_softmax(ctc.logits(model, [np.full((32, 40), 99, np.uint8)])[0])
    np.testing.assert_allclose(loss, -steps.numpy()[:, ALPHABET.blank].sum(), rtol=1e-4)

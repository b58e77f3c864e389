import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import msgspec
import numpy as np
import pytest

from pipeline.config import CLASSICAL, TrainConfig
from pipeline.data import digits as data
from pipeline.data.mixture import alone
from pipeline.metrics import calibration
from pipeline.run import WEIGHTS, Run
from pipeline.synthesis import nondigits
from pipeline.training import digit, distillation, teacher
from serving.errors import CheckreaderError
from tests.support.paths import ROOT

# Keras about its own insides, on which the command line is silent.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*shuffle=True. was passed"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]

CONFIG = TrainConfig(data="digits", epochs=3, batch=64, averaging=0.9, elastic=0.0, outliers=16)


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    """A third of them: an epoch is six steps."""
    whole = data.load("digits")
    return dataclasses.replace(whole, train=whole.train.take(np.arange(400)))


@pytest.fixture(scope="module")
def trained(digits: data.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("trained") / "run")
    digit.train(run, CONFIG, digits, preset="quick", data_dir=Path("somewhere"))
    return run


def weights(run: Run) -> list[bytes]:
    return [weight.tobytes() for weight in keras.models.load_model(run / WEIGHTS).get_weights()]


def begun(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own, all that it says to be read line by line."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_record(trained: Run, digits: data.Dataset) -> None:
    record = trained.require("train")
    assert TrainConfig.from_json(record["config"]) == CONFIG
    assert record["data"] == json.loads(json.dumps(digits.record()))
    assert record["preset"] == "quick"
    assert record["sources"] == alone(digits).record()
    assert record["metrics"]["sources"] == {"digits": record["metrics"]["validation_accuracy"]}
    assert record["data_dir"] == str(Path("somewhere").resolve())
    assert list(record["files"]) == [WEIGHTS]
    names = {path.name for path in trained.path.iterdir()}
    assert names == {WEIGHTS, "train.json", "tensorboard"}  # the checkpoint is gone
    assert list((trained / "tensorboard").rglob("events.out.*"))


def test_learns(trained: Run) -> None:
    """Three epochs on 400 pictures: far from good, further from chance."""
    assert trained.require("train")["metrics"]["validation_accuracy"] > 0.3


def test_numbers_are_those_of_the_saved_weights(trained: Run, digits: data.Dataset) -> None:
    record = trained.require("train")
    model = keras.models.load_model(trained / WEIGHTS)
    assert model.count_params() == 61_706
    logits = digit.predict(model, digits.validation.images)
    assert (logits.shape, logits.dtype) == ((177, 10), np.float32)
    assert (logits.argmax(1) == digits.validation.labels).mean() == record["metrics"]["validation_accuracy"]
    others = digit.predict(model, nondigits.pictures(16, CONFIG.seed + nondigits.VALIDATION))
    found = msgspec.to_builtins(calibration.fit(logits, digits.validation.labels, others))
    assert json.loads(json.dumps(found)) == record["calibration"]


def test_same_seed_same_bytes(trained: Run, digits: data.Dataset, tmp_path: Path) -> None:
    again = Run(tmp_path / "again")
    digit.train(again, CONFIG, digits)
    assert weights(again) == weights(trained)
    assert (again / WEIGHTS).read_bytes() == (trained / WEIGHTS).read_bytes()


def test_other_seed_other_weights(trained: Run, digits: data.Dataset, tmp_path: Path) -> None:
    other = Run(tmp_path / "other")
    digit.train(other, dataclasses.replace(CONFIG, seed=1), digits)
    assert not set(weights(other)) & set(weights(trained))


_KILLED = """
import sys
from pathlib import Path
import numpy as np, dataclasses
from pipeline.data import digits as data
from pipeline.training import digit as train
from pipeline.config import TrainConfig
from pipeline.run import Run
whole = data.load("digits")
digits = dataclasses.replace(whole, train=whole.train.take(np.arange(400)))
config = TrainConfig(data="digits", epochs=3, batch=64, averaging=0.9, elastic=0.0, outliers=16)
train.train(Run(Path(sys.argv[1])), config, digits)
"""


def test_kill_and_resume(trained: Run, digits: data.Dataset, tmp_path: Path, capsys) -> None:
    run = Run(tmp_path / "killed")
    with begun(_KILLED, run.path) as process:
        for line in process.stdout:
            if line.startswith("epoch 2:"):  # so the checkpoint of epoch 1 is there, that of epoch 2 maybe
                process.kill()
                break
        process.stdout.read()
    assert process.returncode == -9
    assert not (run / WEIGHTS).exists()
    assert not (run / "train.json").exists()
    digit.train(run, CONFIG, digits, resume=True)
    epochs = re.findall(r"^epoch \d", "".join(capsys.readouterr()), re.MULTILINE)
    assert epochs in (["epoch 2", "epoch 3"], ["epoch 3"])
    assert weights(run) == weights(trained)


class Stopped(Exception):
    pass


def stop_after(run: Run, digits: data.Dataset, last: int, config: TrainConfig = CONFIG) -> None:
    """Trains, and ends without a goodbye after the checkpoint of epoch `last`."""

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch + 1 == last:
                raise Stopped

    with pytest.raises(Stopped):
        digit.train(run, config, digits, callbacks=[Stop()])


@pytest.fixture(scope="module")
def interrupted(digits: data.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run that ended after its first epoch, to copy."""
    run = Run(tmp_path_factory.mktemp("interrupted") / "run")
    stop_after(run, digits, 1)
    return run / digit.CHECKPOINT


def test_stopped_between_last_epoch_and_end(trained: Run, digits: data.Dataset, tmp_path: Path) -> None:
    run = Run(tmp_path)
    stop_after(run, digits, CONFIG.epochs)
    digit.train(run, CONFIG, digits, resume=True)
    assert weights(run) == weights(trained)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"epochs": 4}, {"network": CLASSICAL}, {"learning_rate": 1e-3}],
    ids=lambda change: next(iter(change)),
)
def test_checkpoint_of_another_config(
    interrupted: Path, digits: data.Dataset, tmp_path: Path, change
) -> None:
    run = Run(tmp_path)
    (run / digit.CHECKPOINT).write_bytes(interrupted.read_bytes())
    with pytest.raises(
        CheckreaderError, match=r"checkpoint.npz: written with another config or other data: train without"
    ):
        digit.train(run, dataclasses.replace(CONFIG, **change), digits, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [digit.CHECKPOINT]


@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:5000], lambda raw: raw[:20_000] + b"x" + raw[20_001:], lambda raw: b""]
)
def test_damaged_checkpoint(interrupted: Path, digits: data.Dataset, tmp_path: Path, spoil) -> None:
    run = Run(tmp_path)
    (run / digit.CHECKPOINT).write_bytes(spoil(interrupted.read_bytes()))
    with pytest.raises(
        CheckreaderError, match=r"checkpoint.npz: damaged checkpoint .*: train without --resume"
    ):
        digit.train(run, CONFIG, digits, resume=True)


def test_resume_without_a_checkpoint_starts_anew(trained: Run, digits: data.Dataset, tmp_path: Path) -> None:
    run = Run(tmp_path)
    digit.train(run, CONFIG, digits, resume=True)
    assert weights(run) == weights(trained)


@pytest.mark.slow
def test_distilled_and_resumed(digits: data.Dataset, tmp_path: Path, monkeypatch) -> None:
    """With a teacher, trained here for the first run and found by the second; the weights are the same."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        distillation, "TEACHER", dataclasses.replace(distillation.TEACHER, epochs=1, batch=64)
    )
    monkeypatch.setattr(teacher, "STAGES", (8,))
    monkeypatch.setattr(teacher, "SEEDS", (0,))
    config = dataclasses.replace(CONFIG, epochs=2, distillation=0.9, passes=2)
    whole, run = Run(tmp_path / "whole"), Run(tmp_path / "run")
    record = digit.train(whole, config, digits)
    assert set(record["metrics"]["teacher"]) == {"certifying", "digits"}
    stop_after(run, digits, 1, config)
    (run / "train-seconds.json").write_text("5000.0")
    assert (
        digit.train(run, config, digits, resume=True)["seconds"] > 5000
    )  # with those before the interruption
    assert not (run / "train-seconds.json").exists()
    assert weights(run) == weights(whole)
    other = Run(tmp_path / "other")
    digit.train(other, dataclasses.replace(config, distillation=0.5), digits)
    assert not set(weights(other)) & set(weights(whole))


def test_full_disk_leaves_no_half_a_model(digits: data.Dataset, tmp_path: Path, monkeypatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(digit, "remove_timestamps", full)
    config = dataclasses.replace(CONFIG, epochs=1)
    with pytest.raises(OSError, match="No space left"):
        digit.train(Run(tmp_path), config, digits)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {digit.CHECKPOINT, "train-seconds.json", "tensorboard"}


_MIRRORED = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from pathlib import Path
import numpy as np, dataclasses
from pipeline.data import digits as data
from pipeline.training import digit as train
from pipeline.config import TrainConfig
from pipeline.run import Run
whole = data.load("digits")
digits = dataclasses.replace(whole, train=whole.train.take(np.arange(400)))
config = TrainConfig(
    data="digits", epochs=3, batch=64, averaging=0.9, elastic=0.0, outliers=16, strategy="mirrored"
)
train.train(Run(Path(sys.argv[1])), config, digits)
print(tf.distribute.MirroredStrategy().num_replicas_in_sync)
"""


@pytest.mark.slow
def test_mirrored_on_two_devices(digits: data.Dataset, trained: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "mirrored")
    with begun(_MIRRORED, run.path) as process:
        out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert out.splitlines()[-1] == "2"
    record = run.require("train")
    assert record["config"]["strategy"] == "mirrored"
    logits = digit.predict(keras.models.load_model(run / WEIGHTS), digits.validation.images)
    accuracy = record["metrics"]["validation_accuracy"]
    assert (logits.argmax(1) == digits.validation.labels).mean() == accuracy > 0.3
    # The same steps on the same batches, summed in another order: close to one device's network.
    single = digit.predict(keras.models.load_model(trained / WEIGHTS), digits.validation.images)
    assert (logits.argmax(1) == single.argmax(1)).mean() > 0.9

import contextlib
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from pipeline import progress
from pipeline.config import CLASSICAL, Lenet5Options, TrainConfig
from pipeline.data import digits as data
from pipeline.data.mixture import alone
from pipeline.evaluation import digit
from pipeline.run import Run
from pipeline.tasks.stages import Answer
from pipeline.tasks.table import TASKS
from pipeline.training import digit as train
from pipeline.verification import agreement, verify
from serving.cli.main import PIPELINE, main
from tests.support.command_line import without_progress
from tests.support.paths import ROOT

STAGES = [name for name, _ in PIPELINE]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs are written where the command is called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        progress, "shown", lambda text: contextlib.nullcontext()
    )  # however slow the machine is
    return tmp_path


@pytest.mark.parametrize("stage", STAGES)
def test_help_shows_an_example(stage: str, capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([stage, "--help"])
    out = capsys.readouterr().out
    for example in out.split("example:\n")[1].splitlines():
        assert example.split()[:2] == ["checkreader", stage]
    assert out.startswith(f"usage: checkreader {stage} ")


@pytest.mark.parametrize("stage", STAGES)
def test_examples_are_understood(stage: str, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets past the parser; without a run all but `train` then say what is missing."""
    with pytest.raises(SystemExit):
        main([stage, "--help"])
    examples = [line.split()[1:] for line in capsys.readouterr().out.split("example:\n")[1].splitlines()]
    stages = {**TASKS["digit"].stages, "train": lambda run, options: ({}, "")}
    monkeypatch.setitem(TASKS, "digit", dataclasses.replace(TASKS["digit"], stages=stages))
    for example in examples:
        assert main(example) == (0 if stage == "train" else 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--preset", "slow"],
        ["train", "--epochs", "0"],
        ["train", "--epochs", "many"],
        ["train", "--seed", "x"],
        ["train", "--pooling", "min"],
        ["train", "--distillation", "1"],
        ["train", "extra"],
        ["quantize", "--prune", "1"],
        ["quantize", "--prune", "-0.1"],
        ["quantize", "--method", "none"],
        ["verify", "--explain", "keras"],
        ["release", "--nonsense"],
    ],
    ids=" ".join,
)
def test_usage_mistakes(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("usage: checkreader ")
    assert "Traceback" not in output.err


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "train"])
def test_first_things_first(stage: str, capsys, here: Path) -> None:
    assert main([stage, "--run", "mine"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = without_progress(output.err)
    assert line.startswith(
        "error: runs/mine/train.json: not found: run `checkreader train --run mine --data DATA` first"
    )
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", ["../x", "/x", ".hidden"])
def test_a_run_that_leads_elsewhere(stage: str, name: str, capsys, here: Path) -> None:
    assert main([stage, "--run", name]) == 1
    assert capsys.readouterr().err.startswith(f"error: --run: {name!r} is no name of a folder in runs/")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("stage", ["train", "quantize"])
def test_the_second_command_on_a_run_is_refused_at_once(stage: str, capsys, here: Path) -> None:
    run = Run(Path("runs/mine"))
    run.path.mkdir(parents=True)
    with run.locked():
        assert main([stage, "--run", "mine"]) == 1
    assert capsys.readouterr().err == (
        "error: runs/mine: another command works on this run: wait for its end, or choose another --run\n"
    )


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("--task micr --start released", "--start released: goes with --task field alone"),
        ("--start scratch", "--start scratch: goes with --task field alone"),
        ("--task field --data own --start scratch", "--start scratch: own fields are too few for it"),
    ],
)
def test_what_a_training_starts_from(options: str, line: str, capsys, here: Path) -> None:
    assert main(["train", *options.split()]) == 1
    assert line in capsys.readouterr().err
    assert not (here / "runs").exists()


def test_a_training_that_is_refused_leaves_nothing(capsys, here: Path) -> None:
    assert main(["train", "--data", "nowhere"]) == 1
    assert capsys.readouterr().err.startswith("error: --data: 'nowhere' is neither a folder or CSV file")
    assert list(here.iterdir()) == []


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Collects the arguments of `train`, which answers with a record and trains nothing."""
    arguments: dict[str, object] = {}

    def instead(run, config, data, resume, preset, data_dir):
        arguments.update(
            run=run, config=config, data=data.name, resume=resume, preset=preset, data_dir=data_dir
        )
        return {
            "metrics": {"validation_accuracy": 0.5, "sources": {data.name: 0.5}},
            "calibration": {"temperature": 1.25},
            "sources": alone(data).record(),
            "data": data.record(),
        }

    monkeypatch.setattr(train, "train", instead)
    return arguments


def test_train_defaults(passed: dict[str, object], capsys) -> None:
    assert main(["train"]) == 0
    assert passed["run"] == Run(Path("runs/digits"))
    assert (passed["data"], passed["resume"], passed["preset"], passed["data_dir"]) == (
        "digits",
        False,
        "quick",
        None,
    )
    out = capsys.readouterr().out
    assert "61,706" in out
    assert "1,265 digits pictures to train on, 177 to choose by (cut by class)" in out
    accuracy, bounds, following = out.splitlines()[-3:]
    assert accuracy == "runs/digits: validation accuracy 50.00%, temperature 1.250"
    assert bounds == (
        "lenet5: no error bound is certified: every picture is read, none is accepted (177 pictures to choose by; "
        "max_error 0.05 takes at least 59 of them without an error)"
    )
    assert following == "next: checkreader quantize --run digits"


def test_train_options(passed: dict[str, object]) -> None:
    options = "--run mine --seed 5 --epochs 3 --pooling average --activation tanh --activate after"
    assert main(["train", *options.split(), "--strategy", "mirrored", "--preset", "release", "--resume"]) == 0
    config = passed["config"]
    assert isinstance(config, TrainConfig)
    assert (config.seed, config.epochs, config.strategy, config.data) == (5, 3, "mirrored", "digits")
    network = config.network
    assert (network.pooling, network.activation, network.activate) == ("average", "tanh", "after")
    assert (passed["run"], passed["resume"]) == (Run(Path("runs/mine")), True)


@pytest.mark.parametrize(
    ("options", "network"),
    [
        ("", Lenet5Options("average", "relu", "after")),
        ("--pooling max", CLASSICAL),
        ("--pooling max --activate after", Lenet5Options("max", "relu", "after")),
        ("--activate before", Lenet5Options("average", "relu", "before")),
    ],
)
def test_what_folds_is_trained_unless_options_say_otherwise(
    passed: dict[str, object], options: str, network: Lenet5Options
) -> None:
    assert main(["train", "--run", "mine", *options.split()]) == 0
    config = passed["config"]
    assert isinstance(config, TrainConfig)
    assert config.network == network


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ("", 0),
        ("--preset release", 0),  # of a thousand pictures
        ("--data mnist", 0),
        ("--data mnist --preset release", 0.9),
        ("--data mnist --preset release --distillation 0", 0),
        ("--data mnist --distillation 0.5", 0.5),
    ],
)
def test_who_has_a_teacher(
    passed: dict[str, object], monkeypatch: pytest.MonkeyPatch, options: str, share: float
) -> None:
    dataset = data.load("digits")
    monkeypatch.setattr(data, "load", lambda source, folder, name: dataset)
    assert main(["train", *options.split()]) == 0
    assert passed["config"].distillation == share


def test_there_is_no_teacher_of_small_data(capsys) -> None:
    assert main(["train", "--distillation", "0.9"]) == 1
    assert capsys.readouterr().err == "error: --distillation: there is a teacher for --data mnist alone\n"


def test_own_data_and_their_run_have_a_name(passed: dict[str, object], here: Path) -> None:
    dataset = data.load("digits")
    for label in range(10):
        (here / "scans" / str(label)).mkdir(parents=True)
        for number, image in enumerate(dataset.train.images[dataset.train.labels == label][:3]):
            Image.fromarray(255 - image).save(here / "scans" / str(label) / f"{number}.png")
    assert main(["train", "--data", "scans"]) == 0
    assert (passed["run"], passed["data"], passed["data_dir"]) == (
        Run(Path("runs/scans")),
        "scans",
        Path("scans"),
    )
    assert main(["train", "--data", "folder", "--data-dir", "scans", "--name", "bank"]) == 0
    assert (passed["run"], passed["data"], passed["config"].data) == (Run(Path("runs/bank")), "bank", "bank")


def test_json_is_all_that_is_printed(passed: dict[str, object], capsys) -> None:
    assert main(["train", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["calibration"] == {"temperature": 1.25}


@pytest.fixture
def trained(here: Path) -> Run:
    """A run whose training is on record."""
    run = Run(Path("runs/digits"))
    run.record(
        "train",
        [],
        data=data.load("digits").record(),
        data_dir=None,
        preset="quick",
        config=dataclasses.asdict(TrainConfig("digits")),
    )
    return run


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
@pytest.mark.parametrize("as_json", [True, False])
def test_verify_answers_with_its_exit_code(trained, capsys, monkeypatch, passed, code, as_json) -> None:
    monkeypatch.setattr(verify, "verify", lambda run, images: {"passed": passed, "count": len(images)})
    monkeypatch.setattr(agreement, "summary", lambda record: "all in words")
    assert main(["verify", *(["--json"] if as_json else [])]) == code
    out = capsys.readouterr().out
    assert (
        json.loads(out) == {"passed": passed, "count": 355} if as_json else out.startswith("all in words\n")
    )
    assert ("next: checkreader evaluate --run digits\n" in out) == (passed and not as_json)


def test_evaluate_reads_the_test_part(trained, capsys, monkeypatch) -> None:
    monkeypatch.setattr(
        digit,
        "evaluate",
        lambda run, test, name, hands: {"n": len(test.labels), "data": name, "families": hands},
    )
    monkeypatch.setattr(digit, "summary", lambda record: "all in words")
    assert main(["evaluate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"n": 355, "data": "digits", "families": {}}


@pytest.mark.parametrize("option", ["--data", "--name"])
def test_a_run_is_measured_by_its_own_data(trained: Run, capsys, option: str) -> None:
    assert main(["evaluate", option, "other"]) == 1
    assert capsys.readouterr().err.startswith(
        "error: runs/digits: a digit run is measured by the test pictures of its own data: to measure it by others, release it"
    )


@pytest.mark.parametrize(
    ("stage", "verified", "following"),
    [
        ("benchmark", None, "next: checkreader verify --run digits"),
        ("benchmark", False, "next: checkreader verify --run digits"),
        ("benchmark", True, "next: checkreader release --run digits"),
        ("verify --explain keras c", True, None),
    ],
)
def test_release_comes_after_bounds_that_hold(
    trained: Run, capsys, monkeypatch, stage: str, verified: bool | None, following: str | None
) -> None:
    if verified is not None:
        trained.record("verify", [], passed=verified, broken=[])
    stages = dict.fromkeys(("benchmark", "verify"), lambda run, options: ({}, "all in words"))
    monkeypatch.setitem(TASKS, "digit", dataclasses.replace(TASKS["digit"], stages=stages))
    assert main(stage.split()) == 0
    assert capsys.readouterr().out.splitlines() == ["all in words", *([following] if following else [])]


def test_other_data_than_trained_on(trained: Run, capsys) -> None:
    record = json.loads((trained / "train.json").read_text())
    record["data"]["sha256"] = {"sklearn.datasets.load_digits": "0" * 64}
    (trained / "train.json").write_text(json.dumps(record))
    assert main(["evaluate"]) == 1
    assert capsys.readouterr().err.startswith(
        "error: runs/digits: was trained on other data than digits now holds"
    )


def test_own_mistakes_stay_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(run: Run, options: object) -> Answer:
        raise ModuleNotFoundError("No module named 'pipeline.nothing'", name="pipeline.nothing")

    monkeypatch.setitem(TASKS, "digit", dataclasses.replace(TASKS["digit"], stages={"train": missing}))
    with pytest.raises(ModuleNotFoundError):
        main(["train"])


def test_one_line_for_a_mistake() -> None:
    """As a process: nothing of what libraries say about themselves is mixed in."""
    command = [
        sys.executable,
        "-m",
        "serving.cli.main",
        "train",
        "--data",
        "folder",
        "--data-dir",
        "/nowhere/digits",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr == "error: /nowhere/digits: no such folder or CSV file\n"
    assert done.stdout == ""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import run as module
from pipeline.run import Run, real_names, replacing, sha256, write_bytes, write_json
from serving.errors import CheckreaderError


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose `train` wrote two files, one in a subfolder."""
    run = Run(tmp_path / "runs" / "mine")
    for name, content in (("weights", b"abc"), ("sub/more", b"")):
        write_bytes(run / name, content)
    run.record("train", ["weights", "sub/more"], config={"seed": 3}, preset=None)
    return run


def test_record_comes_back(run: Run) -> None:
    record = run.require("train")
    assert record["config"] == {"seed": 3}
    assert (record["schema"], record["stage"]) == (module.SCHEMA, "train")
    assert record["files"]["weights"] == {
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "bytes": 3,
    }
    assert record["seconds"] >= 0
    machine = record["environment"]["machine"]
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert record["environment"]["packages"]["keras"].startswith("3.")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/b", "..", ".", ".x", "", "a\n", "a/"])
def test_a_run_lies_in_runs(name: str) -> None:
    with pytest.raises(CheckreaderError, match=r"--run: .* is no name of a folder in runs/"):
        Run.named(name)
    assert Run.named("mnist-3.1 b").path == Path("runs/mnist-3.1 b")


def test_two_commands_on_one_run(run: Run) -> None:
    with run.locked():
        with (
            pytest.raises(CheckreaderError, match=r"mine: another command works on this run: wait"),
            run.locked(),
        ):
            pass
        with Run(run.path.with_name("other")).locked():
            pass
    with run.locked():
        pass


def test_a_command_line_can_be_pasted() -> None:
    assert Run(Path("runs/my digits")).command("export") == "checkreader export --run 'my digits'"


def garble(run: Run, content: bytes) -> None:
    (run / "train.json").write_bytes(content)


def change_schema(run: Run, schema: object) -> None:
    record = json.loads((run / "train.json").read_text())
    garble(run, json.dumps(record | {"schema": schema}).encode())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "train.json").unlink(), r"train.json: not found: run `checkreader train --run mine --data DATA` first"),
        (lambda run: garble(run, b""), r"train.json: not valid JSON .*: run `checkreader train --run mine` again"),
        (lambda run: garble(run, b'{"schema": 1, "fil'), r"train.json: not valid JSON"),
        (lambda run: garble(run, b"\xff\xfe"), r"train.json: not valid JSON"),
        (lambda run: garble(run, b"[1]"), r"train.json: written by another version"),
        (lambda run: garble(run, b"{}"), r"run schema None, expected 1"),
        (lambda run: change_schema(run, 2), r"another version of checkreader \(run schema 2, expected 1\): run .*--run"),
        (lambda run: (run / "weights").unlink(), r"mine/weights: missing: run `checkreader train --run mine` again"),
        (lambda run: (run / "weights").write_bytes(b"abd"), r"mine/weights: its SHA-256 differs from the one in train"),
        (lambda run: (run / "sub/more").write_bytes(b"x"), r"sub/more: its SHA-256 differs"),
    ],
)  # fmt: skip
def test_require_refuses(run: Run, spoil, message: str) -> None:
    spoil(run)
    with pytest.raises(CheckreaderError, match=message) as caught:
        run.require("train")
    assert "\n" not in str(caught.value)


def test_record_of_a_missing_file_writes_nothing(run: Run) -> None:
    with pytest.raises(FileNotFoundError):
        run.record("export", ["nothing"])
    assert not (run / "export.json").exists()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError()])
@pytest.mark.parametrize("there", [True, False], ids=["old file", "no file"])
def test_failure_in_the_middle(tmp_path: Path, error: BaseException, there: bool) -> None:
    path = tmp_path / "record.json"
    if there:
        path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"ha")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert content(tmp_path) == ({"record.json": b"old"} if there else {})


def test_failure_in_the_middle_of_a_folder(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / "saved") as temporary:
            temporary.mkdir()
            (temporary / "part").write_bytes(b"ha")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_nothing_written_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        pass
    assert caught.value.filename == str(tmp_path / "a")  # not that of the temporary file
    assert list(tmp_path.iterdir()) == []


def test_replaces_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.keras"
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
        assert not path.exists()
        assert (temporary.parent, temporary.suffix) == (path.parent, ".keras")
    assert content(tmp_path) == {"model.keras": b"new"}


def test_a_library_s_error_names_the_real_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "saved") as temporary:
        temporary.mkdir()
        text = f"NOT_FOUND: Failed to create {temporary}/variables; version 1.{os.getpid()}.3"
    assert real_names(text) == (
        f"NOT_FOUND: Failed to create {tmp_path}/saved/variables; version 1.{os.getpid()}.3"
    )


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
@settings(deadline=None, max_examples=30)
def test_json_goes_round(tmp_path_factory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    try:
        write_json(path, value)
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return
    assert json.loads(path.read_text()) == value


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert sha256(tmp_path / "empty").startswith("e3b0c44298fc1c149afbf4c8996fb924")


def test_stopwatch(tmp_path: Path) -> None:
    """Sums over processes, and starts anew for a stage that does not go on."""
    run = Run(tmp_path)
    first = run.stopwatch("train", goes_on=True)
    assert first.earlier == 0
    first.save()
    second = run.stopwatch("train", goes_on=True)
    assert second.seconds() >= second.earlier > 0
    assert run.stopwatch("quantize", goes_on=True).earlier == 0
    (tmp_path / "train-seconds.json").write_text("damaged")
    assert run.stopwatch("train", goes_on=True).earlier == 0
    assert run.stopwatch("train", goes_on=False).earlier == 0
    assert not (tmp_path / "train-seconds.json").exists()
    assert run.record("train", [], seconds=77.5)["seconds"] == 77.5

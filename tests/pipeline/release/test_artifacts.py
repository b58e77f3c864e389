from __future__ import annotations

import json
from pathlib import Path

from pipeline.export.formats import FOLDER, FORMATS
from pipeline.networks import spec
from pipeline.release import artifacts
from pipeline.run import Run, sha256, write_bytes
from serving.manifest import Model, Tensor


def test_copy_takes_a_format_with_the_files_beside_it(tmp_path: Path) -> None:
    run, folder = Run(tmp_path / "run"), tmp_path / "models"
    for row in FORMATS:
        for file in row.writers:
            write_bytes(run / FOLDER / file, file.encode())
    released = {"c": "edge/small.c", "onnx_int8": "repository/lenet5-int8/{version}/model.onnx"}
    entries = artifacts.copy(run, released, folder, "7", spec.DIGIT)
    assert set(entries) == {"lenet5-int8"}
    paths = {entry.path: entry for entry in entries["lenet5-int8"]}
    sources = {
        "edge/small.c": "lenet5-int8.c",
        "edge/lenet5-int8.h": "lenet5-int8.h",
        "repository/lenet5-int8/7/model.onnx": "lenet5-int8.onnx",
    }
    assert set(paths) == set(sources)
    for path, source in sources.items():
        assert (folder / path).read_text() == source
        assert (paths[path].sha256, paths[path].bytes) == (sha256(folder / path), len(source))
    assert (paths["edge/small.c"].format, paths["edge/small.c"].runtime) == ("c", "c")
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 3


def test_records_are_written_without_the_folder_of_the_data(tmp_path: Path) -> None:
    artifacts.write_records({"train": {"data_dir": "/home/somebody", "preset": "quick"}}, tmp_path)
    assert json.loads((tmp_path / "train.json").read_text()) == {"preset": "quick"}


def test_the_digit_records_lie_above_those_of_the_other_tasks() -> None:
    folders = [artifacts.records_folder(Path("models"), task).as_posix() for task in ("digit", "field")]
    assert folders == ["models/records", "models/records/field"]


def test_models_of_the_other_tasks_stay() -> None:
    model = Model("1", "digit", Tensor("image", "FP32", [-1]), [])
    released = dict.fromkeys(("lenet5", "lenet5-int8", "lenet5-features", "lenet5-field"), model)
    assert set(artifacts.other_models(released, spec.DIGIT)) == {"lenet5-field"}
    assert set(artifacts.other_models(released, spec.FIELD)) == set(released) - {"lenet5-field"}

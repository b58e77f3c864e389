from __future__ import annotations

import hashlib

import msgspec

from pipeline.export import c_source, provenance
from pipeline.networks import integer_reference
from pipeline.release import margins
from serving.manifest import Threshold
from serving.repository.store import Repository

THRESHOLDS = [Threshold(0.05, 0.8, 0, 0, 0.1, 0.9, 100), Threshold(0.01, 0.9, 0, 0, 0.1, 0.9, 100)]


def test_the_released_files_are_written_alike() -> None:
    repository = Repository.open()
    model = repository.model("lenet5-int8")
    same, files = margins.render(repository.folder, model)
    assert same == model
    assert set(files) == {f"edge/lenet5-int8{ending}" for ending in (".c", ".h", ".wasm", "-simd.wasm")}
    for path, content in files.items():
        assert content == (repository.folder / path).read_bytes()


def test_other_thresholds_are_other_margins(tmp_path) -> None:
    repository = Repository.open()
    model = msgspec.structs.replace(repository.model("lenet5-int8"), thresholds=THRESHOLDS)
    changed, files = margins.render(repository.folder, model)
    network = integer_reference.load((repository.folder / "edge/lenet5-int8.tflite").read_bytes())
    for entry in THRESHOLDS:
        row = f"{{{round(entry.max_error * 1e6)}, {c_source.margin(network, entry.threshold)}}},"
        assert row in files["edge/lenet5-int8.c"].decode()
    for artifact in changed.artifacts:
        if artifact.path in files:
            content = files[artifact.path]
            assert (artifact.bytes, artifact.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    for suffix in ("c", "wasm"):
        (tmp_path / f"new.{suffix}").write_bytes(files[f"edge/lenet5-int8.{suffix}"])
        released = provenance.read(repository.folder / "edge" / f"lenet5-int8.{suffix}")
        assert provenance.read(tmp_path / f"new.{suffix}") == released


def test_a_model_without_c_stays() -> None:
    repository = Repository.open()
    for name in ("lenet5", "lenet5-field-int8"):
        assert margins.render(repository.folder, repository.model(name)) == (repository.model(name), {})

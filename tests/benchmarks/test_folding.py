import pytest

from benchmarks import folding
from pipeline.export import onnx as to_onnx
from pipeline.networks import spec


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_measured() -> None:
    record = folding.measure(rounds=2)
    assert set(record["pictures_per_second"]) == {"plain", "exported", "folded"}
    assert record["largest_difference"] < 1e-6
    assert record["folded_against_plain"] > 1
    assert record["batch"] == folding.BATCH


def test_it_takes_the_pipelines_own_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(to_onnx, "float32", lambda source, provenance: source.task.name.encode())
    assert folding.exported(None, spec.FAST) == b"fast"

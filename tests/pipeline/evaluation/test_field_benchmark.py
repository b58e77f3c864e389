import numpy as np

from pipeline.evaluation import benchmark
from pipeline.export.formats import get
from tests.support.tiny_field import exported


def test_fields_of_one_width_are_measured() -> None:
    names = ("onnx_int8", "tflite_float32")
    pictures = np.zeros((3, 32, 64), np.uint8)
    found = benchmark.benchmark(
        exported(), pictures, [get(name, "field") for name in names], rounds=1, seconds=0.01
    )
    assert tuple(found["formats"]) == names
    assert (found["batch"], found["width"]) == (benchmark.FIELD_BATCH, 64)
    for entry in found["formats"].values():
        assert 0 < entry["p50_ms"] <= entry["p99_ms"]
        assert 20 < entry["peak_mb"] < 400
        # Sixteen fields take longer than one: the rate is that of fields, not of calls.
        assert entry["images_per_second"] > 0
    text = benchmark.summary(found)
    assert "fields/s" in text
    assert "field of 64 columns, padding included; fields per second in batches of 16" in text


def test_a_rate_counts_the_whole_batch() -> None:
    assert benchmark.figures([0.001], [0.5], 16)["images_per_second"] == 32

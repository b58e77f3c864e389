"""Records of a run, with no more than the tables of card and README need."""


def entry(value: float) -> dict[str, object]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 10_000, "data": "mnist test"}


def records() -> dict[str, dict]:
    """A run's, by stage, with what the tables need: two formats measured, others not."""
    speed = {"p50_ms": 0.0614, "images_per_second": 123_456.7, "peak_mb": 81.6}
    thresholds = [
        {"max_error": 0.01, "threshold": 0.61803, "accepted": 0.9987, "error": 0.00123, "low": 0.0007, "high": 0.002}
    ]  # fmt: skip
    return {
        "train": {},
        "quantize": {},
        "export": {
            "files": {
                "export/lenet5.onnx": {"bytes": 249_500},
                "export/lenet5-int8.tflite": {"bytes": 70_400},
            }
        },
        "verify": {},
        "evaluate": {
            "formats": {"onnx_float32": entry(0.9957), "tflite_int8": entry(0.9949)},
            "families": {"lenet5": {"thresholds": thresholds}, "lenet5-int8": {"thresholds": []}},
        },
        "benchmark": {
            "formats": {"onnx_float32": speed, "tflite_int8": speed},
            "environment": {
                "machine": {"cpu": "Some\\1 CPU", "cores": 2},
                "packages": {"onnxruntime": "1.31.0"},
            },
        },
    }

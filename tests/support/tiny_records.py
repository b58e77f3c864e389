"""Records of runs and results of benchmarks, with no more than the model card and the documents need."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

from pipeline.config import Lenet5Options
from pipeline.release.documents import OLD_NAME, RESULTS
from pipeline.run import write_json

SPEED = {"bytes": 70_400, "p50_ms": 0.0614, "images_per_second": 123_456.7, "peak_mb": 81.6}
ENVIRONMENT = {
    "machine": {"cpu": "Some\\1 CPU", "cores": 2},
    "packages": {"onnxruntime": "1.31.0"},
}


def _complete(records: dict[str, Any]) -> dict[str, Any]:
    """Adds what every stage records."""
    return {stage: {"files": {}, "environment": ENVIRONMENT, **record} for stage, record in records.items()}


def share(value: float, n: int = 780) -> dict[str, Any]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "n": n}


def accuracy(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 10_000, "data": "mnist test"}


def family(value: float, thresholds: list[dict[str, Any]]) -> dict[str, Any]:
    """What `evaluate` measured of a digit model."""
    return {
        "accuracy": accuracy(value),
        "calibration_error": {"before": 0.0123, "after": 0.0045},
        "temperature": 1.2345,
        "nondigits": {"n": 1_000, "accepted": 3},
        "thresholds": thresholds,
    }


def digit_records() -> dict[str, Any]:
    """A digit run's: two formats measured, others not."""
    threshold = {
        "max_error": 0.01,
        "threshold": 0.61803,
        "accepted": 0.9987,
        "error": 0.00123,
        "low": 0.0007,
        "high": 0.002,
    }
    data = {"name": "mnist", "train": 55_051, "validation": 4_949, "validation_by": "writer", "test": 10_000}
    return _complete({
        "train": {
            "preset": "quick",
            "config": {"network": dataclasses.asdict(Lenet5Options()), "seed": 7, "epochs": 8, "nondigits": 0.15},
            "data": data,
        },
        "quantize": {"config": {"method": "qat", "seed": 7}},
        "export": {
            "files": {
                "export/lenet5.onnx": {"sha256": "0", "bytes": 249_500},
                "export/lenet5-int8.tflite": {"sha256": "0", "bytes": 70_400},
            },
            "refused": {},
            "data": data,
        },
        "verify": {"passed": True, "broken": []},
        "evaluate": {
            "formats": {"onnx_float32": accuracy(0.9957), "tflite_int8": accuracy(0.9949)},
            "families": {"lenet5": family(0.9957, [threshold]), "lenet5-int8": family(0.9949, [])},
        },
        "benchmark": {
            "formats": {"onnx_float32": SPEED, "tflite_int8": SPEED},
        },
    })  # fmt: skip


def threshold(rate: float, threshold: float | None, accepted: float) -> dict[str, Any]:
    return {
        "max_error": rate, "threshold": threshold, "error": 0.008, "low": 0.001, "high": 0.02,
        "accepted": accepted, "n": 780,
    }  # fmt: skip


def field_family(value: float) -> dict[str, Any]:
    """What `evaluate` measured of a field model."""
    return {
        "data": {"name": "checks"},
        "n": 780,
        "exact": share(value),
        "digit_error_rate": {"value": 0.0345},
        "by_length": [{"length": 4, **share(0.9, 100)}],
        "by_touching": {"touching": share(0.7, 80)},
        "by_separators": {"unknown": share(0.8)},
        "boxes": {"mean_iou": 0.712},
        "nonfields": {"n": 1000, "accepted": 2},
        "thresholds": [threshold(0.02, 0.91, 0.613)],
        "measured": [threshold(0.01, 0.95432, 0.512), threshold(0.005, None, 0.0)],
    }


def field_records() -> dict[str, Any]:
    """A field run's: one format measured."""
    return _complete({
        "train": {
            "task": "field",
            "preset": "release",
            "config": {"seed": 3},
            "data": {"name": "drawn fields", "digits": {"name": "mnist"}, "fonts": {"caveat": "0", "kalam": "1"}},
            "calibration": {"refusals": ["0.005: needs at least 598 accepted fields"]},
        },
        "quantize": {"config": {"seed": 3}, "fields": 512},
        "export": {"files": {"export/lenet5-field-int8.onnx": {"sha256": "0", "bytes": 246_700}}, "refused": {}, "data": {}},
        "verify": {
            "passed": True,
            "broken": [],
            "pictures": 600,
            "steps": 30_000,
            "float_and_int8": 0.995,
            "pairs": [{"left": "reference", "right": "onnx_int8", "strings": 0.9975}],
        },
        "evaluate": {
            "families": {"lenet5-field": field_family(0.8123), "lenet5-field-int8": field_family(0.8110)},
            "difference": -0.0013,
            "trained_on": False,
        },
        "benchmark": {
            "batch": 16,
            "width": 128,
            "formats": {"onnx_int8": {"bytes": 70_400, "p50_ms": 0.4567, "images_per_second": 2345.6, "peak_mb": 81.6}},
        },
    })  # fmt: skip


def micr_family(value: float, counts: list[dict[str, Any]]) -> dict[str, Any]:
    """What `evaluate` measured of a MICR model."""
    return {
        "exact": share(value, 815),
        "strictly_exact": 0.94,
        "forgiven": 12,
        "symbol_errors": 0.0035,
        "exact_by_group": 0.961,
        "groups": 180,
        "symbols": 20_000,
        "confusions": [{"symbol": "C", "read": "B", "count": 7}, {"symbol": "5", "read": "", "count": 2}],
        "by_country": {"us": share(0.98, 260), "no country's layout": share(0.93, 446)},
        "unread": {"no MICR line found": 2},
        "thresholds": [threshold(0.02, 0.912, 0.7)] if counts else [],
        "sets": counts,
    }


def micr_records() -> dict[str, Any]:
    """A MICR run's: one format measured, one model with a certified bound."""
    data = {"name": "lines", "n": 815, "groups": 180, "sha256": "0"}
    counts = [
        {"name": "lines", "n": 815, "max_error": 0.02, "accepted": 640, "wrong": 0},
        {"name": "groups", "n": 180, "max_error": 0.02, "accepted": 159, "wrong": 0},
    ]
    certified = {**threshold(0.02, 0.912, 159 / 180), "error": 0.0, "low": 0.0, "high": 0.023, "n": 180}
    refusal = "0.01: needs at least 299 accepted groups without an error, the calibration set has 180"
    return _complete({
        "train": {"task": "micr", "preset": "release", "config": {"seed": 3}, "data": {"name": "drawn MICR lines"}},
        "quantize": {"config": {"seed": 3}, "fields": 256},
        "export": {"files": {"export/lenet5-micr-int8.onnx": {"sha256": "0", "bytes": 246_700}}, "refused": {}, "data": {}},
        "verify": field_records()["verify"],
        "calibrate": {
            "data": data,
            "seed": 0,
            "families": {
                "lenet5-micr": {"calibration": {"thresholds": [certified], "refusals": [refusal], "sets": counts}},
                "lenet5-micr-int8": {"calibration": {}},
            },
        },
        "evaluate": {
            "data": data,
            "families": {"lenet5-micr": micr_family(0.954, counts), "lenet5-micr-int8": micr_family(0.951, [])},
            "difference": -0.003,
        },
        "benchmark": {**field_records()["benchmark"], "width": 640},
    })  # fmt: skip


def check_records() -> dict[str, Any]:
    """Those of a run that finds fields: one format measured."""
    data = {"name": "drawn", "n": 780, "sha256": "0"}
    found = {"amount": share(0.91), "micr": share(0.98)}
    family = {"fields": found, "by_kind": {"scan": {"amount": share(0.95, 200)}}, "right_way_up": share(0.97)}
    return _complete({
        "train": {"task": "check", "preset": "release", "config": {"seed": 3}, "data": data},
        "quantize": {"config": {"seed": 3}, "fields": 128},
        "export": {"files": {"export/check-fields.onnx": {"sha256": "0", "bytes": 497_300}}, "refused": {}, "data": {}},
        "verify": {"passed": True, "broken": [], "pictures": 12},
        "evaluate": {"data": data, "families": {"check-fields": family, "check-fields-int8": family}},
        "benchmark": {**field_records()["benchmark"], "width": 288},
    })  # fmt: skip


# Benchmarks with a file for each processor.
OF_TIMES: Final = ("network", "service", "peers", "operations", "fields", "edge")


def write_records(folder: Path, records: dict[str, Any]) -> None:
    for stage, record in records.items():
        write_json(folder / f"{stage}.json", record)


def write_results(root: Path) -> None:
    """Writes one small result of each benchmark that a document shows, as the product's old name left some."""
    machine = {"cpu": "CPU", "cores": 2}
    for name, content in results(machine).items():
        path = f"{name}/cpu" if name in OF_TIMES else name
        write_json(root / RESULTS / f"{path}.json", content | {"machine": machine})


def results(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    run = {
        "data": "mnist",
        "preset": "quick",
        "pooling": "max",
        "seed": 0,
        "seconds": {"total": 330.0},
        "machine": machine,
    }
    run["accuracy"] = {"lenet5": accuracy(0.9921), "lenet5-int8": accuracy(0.9919)}
    single = {"rate": 7000, "ratio": 0.912, "p50_ms": 0.2211}
    server = {"rate_16": 2000.4, "p50_ms_1": 0.5, "resident_mb": 90.4, "ready_seconds": 1.23}
    workers = {"one": 8_000, "two": 13_000, "ratio": 1.625, "client_cpu": 0.141}
    command = {"instructions": 882_297_728, "peak_bytes": 54_292_480}
    extra = {
        "packages": {"numpy": "2.4.6"},
        "installed_bytes": 150_929_535,
        "classify": command,
        "service": command,
    }
    golden = {"golden": 20, "same_digit": 20, "largest_difference": 0.0, "largest_difference_lsb": 2}
    recipe = {
        "what": "labels alone",
        "seeds": {str(i): {"validation_accuracy": 0.996 + i / 1e4} for i in range(2)},
        "mean": {"validation_accuracy": 0.9960, "log_loss": 0.01712, "accepted": 0.9434},
    }
    folding = {**recipe, "what": "averages", "seeds": {"1": {"validation_accuracy": 0.9951}}}
    corruptions = (("fog", 0.99), ("zigzag", 0.94), ("stripe", 0.97), ("shear", 0.98))
    return {
        "runs": {
            "runs": {"mnist": run},
            "mean_over_seeds": {"mnist, release preset, max pooling": {"seeds": [0, 1, 2], "lenet5": 0.9952, "lenet5-int8": 0.9950}},
        },
        "service": {
            "single": {name: single for name in ("json_1", "json_16", "binary_1", "binary_16")},
            "rows_256": {"pictures_per_second": 80000, "ratio": 0.85},
            "batcher": {"more_us": 8.7},
            "start_seconds": 0.456,
            "memory": {"resident_mb": {"before": 81.2, "100000": 83.4}},
        },
        "peers": {
            "servers": {OLD_NAME: server, "fastapi": server, "fastapi (defaults)": server},
            "packages": {
                OLD_NAME: {OLD_NAME: "0.1.0"},
                "fastapi": {"fastapi": "0.165.0"},
                "fastapi (defaults)": {"fastapi": "0.165.0"},
            },
            f"{OLD_NAME}_to_peer": {"fastapi": {"rate_16": [2.0, 2.5, 9.0]}},
        },
        "operations": {
            "workers": {"json": workers, "picture": workers},
            "release": {
                "rate": 1000.0,
                "window": 10.0,
                "releases": 61,
                "failed": 0,
                "ratio": {"one": 1.2, "often": 2.1},
                "p99_ms": {"steady": 2.3, "one": 2.76, "often": 4.83},
            },
            "page_bytes": {"files": 19_800, "wasm": 54_100},
        },
        "stops": {
            "clients": 24,
            "stops": [
                {"workers": 1, "protocol": "http", "rounds": 20, "connections": 9_000, "lost": 0},
                {"workers": 2, "protocol": "grpc", "rounds": 20, "connections": 8_000, "lost": 3},
            ],
            "kills": [
                {
                    "workers": 2,
                    "protocol": "http",
                    "rounds": 20,
                    "connections": 7_000,
                    "lost": 0,
                    "lost_accepted": 41,
                }
            ],
        },
        "edge": {
            "version": "4",
            "c": {
                "flags": "-O3",
                "pictures": 10_000,
                "largest_difference_lsb": 0,
                "c_p50_us": 5.61,
                "litert_p50_us": 6.5,
                "ratio": 0.863,
            },
            "cortex_m": {
                "cortex-m3": {
                    "-Os": {"flash_bytes": 64_682, "ram_bytes": 2_688, "instructions": 724_688},
                    "-O2": {"flash_bytes": 64_782, "ram_bytes": 2_688, "instructions": 671_834},
                }
            },
            "macs": 187_656,
            "wasm": {
                "bytes": {"wasm": 68_367, "wasm_simd": 70_367},
                "microseconds": {"wasm": 80.1, "wasm_simd": 25.04, "earlier": 225.0},
                "earlier": {"version": "3", "sha256": "0"},
            },
            "tflm_arena_bytes": 8_528,
            "ethos_u55": {
                "operators": 8,
                "cpu_operators": [],
                "sram_bytes": 10_656,
                "flash_bytes": 55_936,
                "inferences_per_second": 6_314.1,
                "clock_hz": 5e8,
            },
        },
        "arm64": {
            "emulator": "QEMU 7.2",
            "pictures": 220,
            "edge": extra,
            "serve": extra,
            "agreement": {
                "tflite_int8": {**golden, "same_digit": 19, "largest_difference": 1.2e-7, "largest_difference_lsb": 1},
                "onnx_int8": golden,
                "c": {"largest_difference_lsb": 0},
            },
        },
        "ceiling": {
            "recipes": {"labels": recipe, "max": recipe, "release": folding},
            "validation_pictures": 4_949,
        },
        "network": {
            "versions": {"lenet5": "4"},
            "microseconds_a_row": {
                "lenet5": {"1": 15.02, "16": 6.0, "256": 5.0},
                "lenet5-int8": {"1": 14.1, "16": 3.0, "256": 2.85},
            },
        },
        "lights": {
            task: {model: {"pictures": 40, "right": 39, "accepted_wrong": 1, "lights": {"noise": {}, "fog": {}}}}
            | {"max_error": bound}
            for task, model, bound in (("digits", "lenet5", 0.01), ("fields", "lenet5-field", 0.05))
        },
        "corruptions": {
            "mean": {"lenet5": {"raw": 0.97, "normalized": 0.87}},
            "kinds": {
                kind: {"lenet5": {"raw": accuracy, "normalized": accuracy - 0.1}} for kind, accuracy in corruptions
            },
        },
        "fields": {
            "one": {
                "lenet5-field": {"p50_ms": 3.456, "png_p50_ms": 0.12},
                "lenet5-field-int8": {"p50_ms": 2.345, "png_p50_ms": 0.12},
            },
            "aba": {"numbers": 1_000, "without": {"error": 0.123}, "with": {"error": 0.045}},
            "folder": {"pictures": 2_000, "pictures_per_second": 150, "peak_mb": 1_234},
        },
        "finetune": {
            "mean": {"folds": 5, "value": 0.9, "low": 0.88, "high": 0.92},
            "pooled": {"data": {"name": "checks"}, "measured": [threshold(0.01, 0.9, 0.512)]},
        },
    }  # fmt: skip

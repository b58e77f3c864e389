"""Comparison of the emulated machine's answers with the release's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from serving.manifest import GoldenDigit
from serving.repository.golden import TOLERANCE

Pixels = npt.NDArray[np.uint8]
MODELS: Final = {
    "tflite_float32": "lenet5",
    "tflite_int8": "lenet5-int8",
    "onnx_float32": "lenet5",
    "onnx_int8": "lenet5-int8",
}
BOUND_LSB: Final = {"tflite_int8": 1, "onnx_int8": 1, "c": 0}
DIGIT: Final = 7  # on the picture that every command reads


def compare(
    report: dict[str, Any], golden: Sequence[GoldenDigit], logits: npt.NDArray[np.int8]
) -> dict[str, dict[str, Any]]:
    """Returns by format how many golden digits are read as released, and the largest differences.

    Args:
        report: that of `inside`.
        golden: the released answers.
        logits: the reference's int8 [N, 10].
    """
    rows: dict[str, dict[str, Any]] = {}
    integers = {"c": report["c"]}
    for extra, integer in (("edge", "tflite_int8"), ("serve", "onnx_int8")):
        answers = report[extra]["answers"]
        integers[integer] = answers["logits"]
        for name, probabilities in answers["probabilities"].items():
            expected = np.array([digit.expected[MODELS[name]][name] for digit in golden])
            computed = np.array(probabilities)
            rows[name] = {
                "golden": len(golden),
                "same_digit": int((computed.argmax(1) == expected.argmax(1)).sum()),
                "largest_difference": float(np.abs(computed - expected).max()),
            }
    for name, computed in integers.items():
        difference = np.abs(np.reshape(computed, logits.shape) - logits.astype(int))
        rows.setdefault(name, {})["largest_difference_lsb"] = int(difference.max())
    return rows


def violations(report: dict[str, Any], rows: dict[str, dict[str, Any]]) -> list[str]:
    """Returns a line for each answer that differs from the release's by more than its bound."""
    lines = []
    for name in MODELS:
        row = rows[name]
        if row["same_digit"] != row["golden"]:
            lines.append(f"{name} reads {row['same_digit']} of {row['golden']} golden digits as released")
        if not row["largest_difference"] <= TOLERANCE:
            lines.append(f"{name} differs by {row['largest_difference']:.2g}, at most {TOLERANCE} is allowed")
    for name, bound in BOUND_LSB.items():
        if rows[name]["largest_difference_lsb"] > bound:
            lines.append(
                f"{name} differs by {rows[name]['largest_difference_lsb']} LSB, at most {bound} is allowed"
            )
    answers = {
        "edge: checkreader classify": report["edge"]["classify"]["answer"],
        "serve: checkreader classify": report["serve"]["classify"]["answer"],
        "serve: POST /digits": report["service"]["answer"],
    }
    for source, answer in answers.items():
        (reading,) = answer["digits"]
        if reading["digit"] != DIGIT or not reading["accepted"]:
            lines.append(f"{source} answers {reading}, expected an accepted {DIGIT}")
    if not report["example"].startswith(f"{DIGIT}, "):
        lines.append(f"examples/raspberry-pi/read.py prints {report['example']!r}, expected {DIGIT}")
    return lines


def costs(report: dict[str, Any]) -> dict[str, Any]:
    """Returns each extra's packages, their bytes, and by command its instructions and peak memory."""

    def cost(run: dict[str, Any]) -> dict[str, int]:
        return {key: run[key] for key in ("instructions", "peak_bytes")}

    extras: dict[str, Any] = {
        extra: {key: report[extra][key] for key in ("packages", "installed_bytes")}
        | {"models": report[extra]["answers"]["models"], "classify": cost(report[extra]["classify"])}
        for extra in ("edge", "serve")
    }
    extras["serve"]["service"] = cost(report["service"])
    return extras

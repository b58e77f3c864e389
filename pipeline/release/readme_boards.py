"""Words around what was measured on an emulated Linux board, for the README."""

from __future__ import annotations

from typing import Any


def table(found: dict[str, Any]) -> str:
    """What each extra takes there and whether it answers as released, in Markdown; from `benchmarks/results/arm64.json`."""
    rows = (
        ("`.[edge]`: `checkreader classify`, one picture", "edge", "classify"),
        ("`.[serve]`: the same", "serve", "classify"),
        ("`.[serve]`: `checkreader serve`, until it has answered a posted picture", "serve", "service"),
    )
    golden = [row for row in found["agreement"].values() if "golden" in row]
    same, of = min(row["same_digit"] for row in golden), golden[0]["golden"]
    apart = max(row["largest_difference"] for row in golden)
    lsb = {name: row.get("largest_difference_lsb") for name, row in found["agreement"].items()}
    lines = [
        "| Linux, arm64 | packages | installed MB | peak resident MB | start, billion instructions |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {what} | {len(found[extra]['packages'])} | {found[extra]['installed_bytes'] / 1e6:.0f} "
            f"| {found[extra][run]['peak_bytes'] / 1e6:.0f} | {found[extra][run]['instructions'] / 1e9:.2f} |"
            for what, extra, run in rows
        ),
        "",
        f"No board was at hand: this is Debian 12, emulated ({found['emulator']}), with the packages' own aarch64 "
        "wheels, installed there by pip. An emulator knows no board's time, so a start is what one core executes, "
        "Linux included, from the command to its answer: divide it by what your board executes in a second. There "
        f"LiteRT and ONNX Runtime, float and int8, read {same} of {of} golden digits as released, the largest "
        f"difference of a probability {apart:.1e}, and over {found['pictures']} pictures, the golden ones and some of mnist test, the int8 "
        f"logits differ from the reference by at most {lsb['tflite_int8']} LSB in LiteRT, {lsb['onnx_int8']} in ONNX "
        f"Runtime and {lsb['c']} in the exported C. From `benchmarks/results/arm64.json` (`make edge-arm64`).",
    ]
    return "\n".join(lines)

"""The field model's part of the model card and of the README, from the recorded JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.export.formats import FIELD_FORMATS, FOLDER


def section(found: dict[str, Any]) -> str:
    """What `models/README.md` says of `lenet5-field`, in Markdown.

    Args:
        found: the field run's records by stage, as `release` writes them.
    """
    train, quantized, verified = found["train"], found["quantize"], found["verify"]
    parts = [
        f"""## `lenet5-field`: whole amounts and numbers

**What it does.** Reads a whole handwritten amount or number: LeNet-5 slides over the picture, every other column
says which of ten digits, separator or nothing it sees, and a search over all alignments gives the likeliest
string with its total probability, the mean of three looks: upright and slanted to both sides. A calibrated confidence says whether it may be booked without a human.

**What it does not do.** It reads no letters and no words; point and comma are one symbol, whether one is a decimal
point is decided from where it stands, and doubt about that is a reason not to accept.

**Data and terms.** {_terms(found)} Names and SHA-256 of what it was trained on: `data.field` in `manifest.json`.

**Training.** Preset `{train["preset"]}`, seed {train["config"]["seed"]}. 8 bits: post-training, weights per channel, the
activations' ranges measured on {quantized["fields"]:,} drawn fields.

### Accuracy
""",
        reading_table(found),
        f"\n8 bits minus float: {100 * found['evaluate']['difference']:+.2f} points of exact strings. On "
        f"{verified['pictures']:,} drawn fields the two read the same string in {verified['float_and_int8']:.2%}.\n",
        format_table(found),
        "\n### Rejecting\n",
        threshold_table(found),
    ]
    return "\n".join(parts)


def _terms(found: dict[str, Any]) -> str:
    """What the network was trained on, and what only measured and calibrated on."""
    data, calibrated = found["train"]["data"], "calibrate" in found or bool(found["train"]["calibration"])
    hands = ["strokes drawn by the project"]
    if data.get("digits"):
        hands.insert(0, f"digits of {data['digits']['name']}'s writers")
    if data.get("fonts"):
        hands.append(f"{len(data['fonts'])} handwriting fonts under the SIL Open Font License")
    parts = [f"Trained on fields drawn by code: {', '.join(hands)}."]
    if own := data.get("own"):
        parts.append(f"Then trained on {own['n']:,} labeled fields of {own['name']}.")
    others = {family["data"]["name"]: family["n"] for family in found["evaluate"]["families"].values()}
    if not found["evaluate"]["trained_on"]:
        what = "measured and calibrated (confidence and thresholds)" if calibrated else "measured"
        names = ", ".join(f"{name} ({n:,} fields)" for name, n in others.items())
        parts.append(f"Not trained, only {what}, on {names}.")
    return "\n".join(parts)


def reading_table(found: dict[str, Any]) -> str:
    """How well each model reads labeled fields, in Markdown."""
    lines = [
        "| model | data | exact string | 95 % interval | digit errors | box overlap | no field, accepted |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, family in found["evaluate"]["families"].items():
        exact, boxes, others = family["exact"], family["boxes"], family.get("nonfields")
        overlap = f"{boxes['mean_iou']:.2f}" if boxes else "–"
        accepted = f"{others['accepted']} of {others['n']:,}" if others else "–"
        lines.append(
            f"| {name} | {family['data']['name']}, {exact['n']:,} | {exact['value']:.2%} "
            f"| {exact['low']:.2%}–{exact['high']:.2%} | {family['digit_error_rate']['value']:.2%} | {overlap} "
            f"| {accepted} |"
        )
    if found["evaluate"]["trained_on"]:
        pooled = found["train"]["cross_validation"]["pooled"]
        exact = pooled["exact"]
        lines.append(
            f"| lenet5-field, cross-validated | {pooled['data']['name']}, {exact['n']:,} | {exact['value']:.2%} "
            f"| {exact['low']:.2%}–{exact['high']:.2%} | {pooled['digit_error_rate']['value']:.2%} | – | – |"
        )
        lines += ["", "The network was trained on these very fields: only the cross-validated row counts."]
    name, first = next(iter(found["evaluate"]["families"].items()))
    groups = [f"{row['length']} digits {row['value']:.1%} of {row['n']}" for row in first["by_length"]]
    for shares in (first["by_touching"], first["by_separators"]):
        groups += [
            f"{key} {row['value']:.1%} of {row['n']}" for key, row in shares.items() if key != "unknown"
        ]
    return "\n".join([*lines, "", f"`{name}` by kind: {', '.join(groups)}."])


def measured(benchmarks: Path) -> str:
    """Speed, the worth of a check digit and of own labeled fields, in Markdown, from the JSON in `benchmarks/`."""
    speed = json.loads((benchmarks / "fields.json").read_text())
    tuned = json.loads((benchmarks / "finetune.json").read_text())
    one, aba, folder, pooled = speed["one"], speed["aba"], speed["folder"], tuned["pooled"]
    rows = {
        "one posted field, one thread, bytes to reading, median ms: float, int8": (
            f"{one['lenet5-field']['p50_ms']:.2f}, {one['lenet5-field-int8']['p50_ms']:.2f}"
        ),
        "of that, decoding the PNG": f"{one['lenet5-field']['png_p50_ms']:.2f}",
        f"{aba['numbers']:,} drawn 9-digit numbers, wrong: as any number, with `scheme=aba`": (
            f"{aba['without']['error']:.1%}, {aba['with']['error']:.1%}"
        ),
        f"`checkreader read FOLDER`, {folder['pictures']:,} pictures: pictures/s, peak resident MB": (
            f"{folder['pictures_per_second']:,}, {folder['peak_mb']:,}"
        ),
        f"going on with own fields ({pooled['data']['name']}), exact strings, "
        f"{tuned['mean']['folds']}-fold cross-validated": (
            f"{tuned['mean']['value']:.2%} ({tuned['mean']['low']:.2%}–{tuned['mean']['high']:.2%})"
        ),
        "the same, accepted at a measured error of at most 1 %": f"{_accepted(pooled['measured'], 0.01):.1%}",
    }
    lines = ["| | measured |", "|---|---:|", *(f"| {what} | {how} |" for what, how in rows.items())]
    cpu = speed["machine"]
    return "\n".join(
        [
            *lines,
            "",
            f"On {cpu['cores']} cores of {cpu['cpu']}. From `benchmarks/results/fields.json` (`python -m benchmarks.fields`) "
            "and `benchmarks/results/finetune.json` (`python -m benchmarks.finetune FOLDER`).",
        ]
    )


def _accepted(entries: list[dict[str, Any]], rate: float) -> float:
    return next((float(entry["accepted"]) for entry in entries if entry["max_error"] == rate), 0.0)


def threshold_table(found: dict[str, Any]) -> str:
    """What may be accepted: by the stored thresholds, and by what was measured, in Markdown."""
    lines = [
        "| model | wanted error | threshold | accepted | error | 95 % interval | |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for name, family in found["evaluate"]["families"].items():
        for key, note in (("thresholds", "stored"), ("measured", "measured on these very fields")):
            for entry in family[key]:
                if entry["threshold"] is None:
                    lines.append(
                        f"| {name} | {entry['max_error']:.1%} | – | 0 % | – | – | {note}: not reached |"
                    )
                    continue
                lines.append(
                    f"| {name} | {entry['max_error']:.1%} | {entry['threshold']:.4f} | {entry['accepted']:.1%} "
                    f"| {entry['error']:.2%} | {entry['low']:.2%}–{entry['high']:.2%} | {note} |"
                )
    chosen = {"": found["train"]["calibration"] or {}}
    if "calibrate" in found:
        chosen = {
            f"{name}, ": family["calibration"] for name, family in found["calibrate"]["families"].items()
        }
    refusals = [f"- {name}{line}" for name, each in chosen.items() for line in each.get("refusals", [])]
    if refusals:
        lines += ["", "What the calibration fields cannot support is refused:", *refusals]
    return "\n".join(lines)


def format_table(found: dict[str, Any]) -> str:
    """Size, speed, memory and agreement of every format, in Markdown."""
    benchmark, verified = found["benchmark"], found["verify"]
    batch, width = benchmark["batch"], benchmark["width"]
    pairs = {(pair["left"], pair["right"]): pair for pair in verified["pairs"]}
    lines = [
        f"| format | kB | same string as its reference | p50 ms, one field | fields/s, {batch} at once | peak MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in FIELD_FORMATS:
        if row.name not in benchmark["formats"]:
            continue
        size = found["export"]["files"][f"{FOLDER}/{row.file}"]["bytes"] / 1000
        speed = benchmark["formats"][row.name]
        same = "it is the reference"
        if row.bound is not None and (row.bound.against, row.name) in pairs:
            same = f"{pairs[row.bound.against, row.name]['strings']:.2%}"
        lines.append(
            f"| {row.name} | {size:.0f} | {same} | {speed['p50_ms']:.3f} "
            f"| {speed['images_per_second']:,.0f} | {speed['peak_mb']:.0f} |"
        )
    machine = benchmark["environment"]["machine"]
    lines += [
        "",
        f"References: Keras for float, the NumPy integer network for 8 bits, over {verified['pictures']:,} fields and "
        f"{verified['steps']:,} steps. Speed of the network alone, with one thread, on a field of {width} columns, "
        f"{machine['cpu']} ({machine['cores']} cores), ONNX Runtime "
        f"{benchmark['environment']['packages']['onnxruntime']}. Compare speeds within the table only.",
    ]
    return "\n".join(lines)

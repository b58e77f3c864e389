"""What the model card and the README say of the folded network, from the recorded JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.export.formats import FAST_FORMATS, FOLDER, models
from serving.manifest import Manifest


def section(manifest: Manifest) -> str:
    """Its section of the model card; nothing where it is not released."""
    lines = []
    for name, model in manifest.models.items():
        if name in models("fast") and model.accuracy is not None:
            top, size = model.accuracy, model.artifacts[0].bytes / 1000
            lines.append(
                f"- `{name}`: {size:.0f} kB, {top.value:.2%} (95 % interval {top.low:.2%}–{top.high:.2%}) of "
                f"{top.n:,} {top.data} pictures"
            )
    if not lines:
        return ""
    return f"""
## `lenet5-fast`: the same in fewer operations

Averages instead of maxima, and the activation after them: convolution and pooling are then one strided
convolution, trained as two and exported as one. Temperature and thresholds are its own, chosen in the same way, and
so are its golden digits, in `golden/fast/`.

{chr(10).join(lines)}
"""


def sentence(found: dict[str, Any], benchmarks: Path) -> str:
    """The released files in a sentence for the README.

    Args:
        found: the run's records.
        benchmarks: the folder of `folding.json`, where that was measured.
    """
    parts = []
    for row in FAST_FORMATS:
        if row.runtime == "onnxruntime":
            top = found["evaluate"]["formats"][row.name]
            size = found["export"]["files"][f"{FOLDER}/{row.file}"]["bytes"] / 1000
            parts.append(
                f"`{row.model}` {top['value']:.2%} (95 % interval {top['low']:.2%}–{top['high']:.2%}), "
                f"{size:.0f} kB"
            )
    text = f"Beside them, in ONNX Runtime: {'; '.join(parts)}."
    path = benchmarks / "folding.json"
    if path.exists():
        speed = json.loads(path.read_text())
        text += (
            f" The float one reads {speed['folded_against_plain']:.1f} × the pictures/s of tf2onnx's plain export of LeNet-5, "
            f"{speed['batch']} at once on one thread (`python -m benchmarks.folding`)."
        )
    return text

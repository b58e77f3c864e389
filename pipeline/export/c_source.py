"""C from the integers of the `.tflite`: one C99 file and its header, for a 32-bit microcontroller or anything larger.

    python -m pipeline.export.c_source models/edge/lenet5-int8.tflite OUT    # OUT/lenet5-int8.c, .h, and a table

The file includes `stdint.h` alone: no allocation, no floating point, no library but what every compiler
calls on its own (memcpy, memset, 64-bit division).
It computes what `pipeline.networks.integer_reference` computes in TensorFlow Lite Micro's
rounding, and normalizes pictures as `serving.images.digit.normalize` does, both bit
for bit. Hand-written parts are in `c/`.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.export import command
from pipeline.export.provenance import embed_in_c
from pipeline.networks import integer_reference
from pipeline.networks.integer_reference import Layer, Reference, Unsupported
from serving import __version__
from serving.decoding.thresholds import MAX_ERROR
from serving.errors import CheckreaderError
from serving.manifest import Threshold
from serving.repository.store import Repository
from serving.table import format_table

if TYPE_CHECKING:
    from pipeline.export.source import Source

NAME: Final = "lenet5-int8"
_PARTS: Final = Path(__file__).parent / "c"
_POOLS: Final = ("max_pool", "average_pool")


@dataclasses.dataclass(frozen=True)
class Step:
    """One layer's place in memory: where in the arena its output and its patch lie, in bytes."""

    layer: Layer
    source: tuple[int, int, int]  # rows, columns, channels that it reads
    target: tuple[int, int, int]
    output: int
    patch: int
    taps: int  # numbers in the patch, two bytes each

    @property
    def multiply_accumulates(self) -> int:
        """Of one picture; 0 for pooling."""
        return math.prod(self.target) * self.taps


@dataclasses.dataclass(frozen=True)
class Plan:
    """All steps and the arena that they share: two outputs at a time, at its two ends."""

    steps: tuple[Step, ...]
    arena: int

    @property
    def constants(self) -> int:
        """Bytes of weights, biases, multipliers and shifts."""
        return sum(array.nbytes for step in self.steps for array in _constants(step.layer).values())


def plan(network: Reference) -> Plan:
    """Where everything lies.

    Raises:
        Unsupported: the network reads pictures of any width.
    """
    if network.task.width is None:
        raise Unsupported(
            "C: a network that slides over fields of any width is not written, only the digit's"
        )
    sources, targets, taps, sizes = [], [], [], [0]  # the pixels are the caller's
    shape = (network.task.height, network.task.width, 1)
    for layer in network.layers:
        sources.append((1, 1, math.prod(shape)) if layer.kind == "dense" else shape)
        rows, columns, channels = layer.shape if len(layer.shape) == 3 else (1, 1, *layer.shape)
        shape = (rows, columns, channels)
        targets.append(shape)
        taps.append(0 if layer.kind in _POOLS else math.prod(layer.window) * sources[-1][2])
        sizes.append(math.prod(shape))
    even = [size + size % 2 for size in sizes]
    arena = max(a + b + 2 * t for a, b, t in zip(even, even[1:], taps, strict=False))
    steps = []
    for index, layer in enumerate(network.layers):
        low, high = even[index + 1], even[index]  # an output at the bottom, its input at the top; and so on
        output, patch = (0, low) if index % 2 == 0 else (arena - low, high)
        steps.append(Step(layer, sources[index], targets[index], output, patch, taps[index]))
    return Plan(tuple(steps), arena)


def margin(network: Reference, threshold: float | None) -> int:
    """The distance of the two best logits from which a digit's probability cannot be below a threshold.

    Nine others that are all as near as the second take most: p ≥ 1 / (1 + 9·exp(−scale·margin)).

    Args:
        network: of 10 logits.
        threshold: probability; None, or 1: nothing is accepted, no two logits are that far apart.
    """
    if threshold is None or threshold >= 1:
        return 256
    odds = threshold / (1 - threshold)
    return math.ceil(math.log((network.task.classes - 1) * odds) / network.output.scale)


def code(source: Source, provenance: dict[str, Any]) -> bytes:
    """The C file of a run."""
    return embed_in_c(render_run(source)[0], provenance)


def header(source: Source, provenance: dict[str, Any]) -> bytes:
    """The header of a run's C file."""
    return render_run(source)[1].encode()


def render_run(source: Source) -> tuple[str, str]:
    """Both, from the very `.tflite` that the run exports.

    Raises:
        Unsupported: as `plan`.
    """
    from pipeline.export import formats
    from pipeline.export import tflite as to_tflite

    tflite = to_tflite.int8(source, source.provenance(formats.get("tflite_int8")))
    chosen = [entry.threshold for entry in source.thresholds if entry.max_error == MAX_ERROR]
    digest = hashlib.sha256(tflite).hexdigest()
    return render(integer_reference.load(tflite), digest, chosen[0] if chosen else None)


def render(network: Reference, sha256: str, threshold: float | None) -> tuple[str, str]:
    """The C file and its header.

    Args:
        network: the integers.
        sha256: of the file that they are from.
        threshold: probability from which a digit is accepted; None: none is.

    Raises:
        Unsupported: as `plan`.
    """
    placed = plan(network)
    about = (
        f"LeNet-5 in 8-bit integers. Written by checkreader {__version__} from a .tflite with the SHA-256\n"
        f"   {sha256}.\n"
        f"   Constants {placed.constants:,} bytes, static RAM {placed.arena:,} bytes (the classifier's),\n"
        f"   {sum(step.multiply_accumulates for step in placed.steps):,} multiply-accumulates a picture."
    )
    accepted = (
        "None may be: no threshold keeps the usual error. No two logits are this far apart."
        if threshold is None
        else f"From this margin on a digit may be taken without a human: its probability is then {threshold!r} at least."
    )
    header = _HEADER.format(
        about=about, accepted=accepted, margin=margin(network, threshold), scale=float(network.output.scale)
    )
    kinds = dict.fromkeys(layer.kind for layer in network.layers if layer.kind in _POOLS)
    parts = [
        f'/* {about} */\n\n#include "{NAME}.h"\n',
        *(_arrays(step.layer) for step in placed.steps),
        *((_PARTS / f"{part}.c").read_text() for part in ("kernels", *kinds)),
        _classify(network, placed),
        (_PARTS / "normalize.c").read_text(),
    ]
    return "\n".join(parts), header


_HEADER: Final = """/* {about} */

#ifndef CHECKREADER_LENET5_INT8_H
#define CHECKREADER_LENET5_INT8_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

typedef char checkreader_int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

/* {accepted} */
#define CHECKREADER_LENET5_MARGIN {margin}

/* For a caller with floating point: the probabilities are softmax(CHECKREADER_LENET5_SCALE * logits). */
#define CHECKREADER_LENET5_SCALE {scale!r}

/* The digit in 28x28 pixels, 0 = paper and 255 = ink, normalized as below; of equally good ones the smallest.
   `logits` becomes what the network says of each digit. Not reentrant. */
int checkreader_lenet5_classify(const uint8_t pixels[784], int8_t logits[10]);

/* How far the best of ten logits is above the second: accepted from CHECKREADER_LENET5_MARGIN on. */
int checkreader_lenet5_margin(const int8_t logits[10]);

/* The network's pixels from a picture of one digit: 8-bit gray levels, rows `stride` bytes apart, any size from
   1x1, dark ink on light or light on dark. Returns 1; 0 where no ink was found, and -1 for an impossible size:
   then all pixels are paper, and there is no digit to classify. Not reentrant; takes 64 KiB of static RAM, which a linker leaves out (with
   -ffunction-sections -fdata-sections -Wl,--gc-sections) where nobody calls it. */
int checkreader_normalize(const uint8_t *gray, int width, int height, int stride, uint8_t out[784]);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _constants(layer: Layer) -> dict[str, npt.NDArray[np.integer]]:
    """A layer's arrays by name; none for pooling."""
    if layer.kind in _POOLS:
        return {}
    multiplier, shift = integer_reference.multipliers(layer)
    return {
        "weights": layer.weights.reshape(-1),
        "bias": layer.bias,
        "multipliers": multiplier.astype(np.int32),
        "shifts": shift.astype(np.int8),
    }


def _arrays(layer: Layer) -> str:
    lines = []
    for name, values in _constants(layer).items():
        symbol = f"checkreader_{layer.name}_{name}"
        numbers = values.tolist()
        rows = [",".join(map(str, numbers[at : at + 28])) for at in range(0, len(numbers), 28)]
        body = ",\n".join(rows)
        lines.append(f"static const {values.dtype.name}_t {symbol}[] = {{\n{body}}};")
        lines.append(f"typedef char {symbol}_checked[sizeof {symbol} == {values.nbytes} ? 1 : -1];")
    return "\n".join(lines) + "\n" if lines else ""


def _classify(network: Reference, placed: Plan) -> str:
    calls = []
    source = "pixels"
    for step in placed.steps:
        layer, target = step.layer, f"arena + {step.output}"
        rows, columns, channels = step.source
        to_rows, to_columns, filters = step.target
        window = ", ".join(map(str, (*layer.window, *layer.stride)))
        if layer.kind in _POOLS:
            calls.append(
                f"checkreader_{layer.kind}({source}, {columns}, {channels}, {window}, {to_rows}, {to_columns}, "
                f"{layer.low}, {layer.high}, {target});"
            )
        else:
            above, _, before, _ = layer.padding
            arrays = ", ".join(f"checkreader_{layer.name}_{name}" for name in _constants(layer))
            calls.append(
                f"checkreader_convolution({source}, {rows}, {columns}, {channels}, {layer.input.zero_point}, "
                f"{window}, {above}, {before}, {to_rows}, {to_columns}, {filters},\n        {arrays},\n        "
                f"{len(layer.weight_scales)}, {layer.output.zero_point}, {layer.low}, {layer.high}, "
                f"checkreader_arena + {step.patch // 2}, {target});"
            )
        source = target
    body = "\n    ".join(calls)
    classes = network.task.classes
    return f"""/* Two activations at a time, at its two ends, and between them what a filter sees. */
static int16_t checkreader_arena[{placed.arena // 2}];

int checkreader_lenet5_classify(const uint8_t pixels[784], int8_t logits[10])
{{
    uint8_t *const arena = (uint8_t *)checkreader_arena;
    int best = 0;
    {body}
    for (int i = 0; i < {classes}; i++) {{
        logits[i] = (int8_t)(arena[{placed.steps[-1].output} + i] - 128);
        best = logits[i] > logits[best] ? i : best;
    }}
    return best;
}}

int checkreader_lenet5_margin(const int8_t logits[10])
{{
    int best = -256, second = -256;
    for (int i = 0; i < {classes}; i++) {{
        if (logits[i] > best) {{
            second = best;
            best = logits[i];
        }} else if (logits[i] > second) {{
            second = logits[i];
        }}
    }}
    return best - second;
}}
"""


def table(network: Reference) -> str:
    """Layers, bytes of RAM and flash, multiply-accumulates, for the screen."""
    placed = plan(network)
    rows = []
    for step in placed.steps:
        constants = sum(array.nbytes for array in _constants(step.layer).values())
        shape = "×".join(map(str, step.target))
        ram = math.prod(step.target) + 2 * step.taps
        rows.append(
            (
                step.layer.name,
                step.layer.kind,
                shape,
                f"{ram:,}",
                f"{constants:,}",
                f"{step.multiply_accumulates:,}",
            )
        )
    total = sum(step.multiply_accumulates for step in placed.steps)
    rows.append(("total", "", "", f"{placed.arena:,}", f"{placed.constants:,}", f"{total:,}"))
    return format_table(("layer", "kind", "output", "RAM bytes", "flash bytes", "MACs"), rows)


def _released(digest: str) -> list[Threshold]:
    """The thresholds of the released model that the file with this SHA-256 belongs to."""
    for model in Repository.open().manifest.models.values():
        if any(artifact.sha256 == digest for artifact in model.artifacts):
            return model.thresholds
    return []


def render_options(options: argparse.Namespace, tflite: bytes) -> tuple[str, str, str]:
    """The C file, its header and the table, by the command line.

    Raises:
        CheckreaderError: as `reference.load`, or there is no threshold for this file.
    """
    network, digest = integer_reference.load(tflite), hashlib.sha256(tflite).hexdigest()
    threshold = options.threshold
    if threshold is None:
        known = [entry.threshold for entry in _released(digest) if entry.max_error == MAX_ERROR]
        if not known:
            raise CheckreaderError("no threshold is known for this file: give one, --threshold 0.99")
        threshold = known[0]
    if not 0 < threshold < 1:
        raise CheckreaderError(f"--threshold is a probability between 0 and 1, got {threshold}")
    return *render(network, digest, threshold), table(network)


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """The options of a command that begins with the C file."""
    extended = command.parser(module, description)
    extended.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="probability from which a digit is accepted (default: the released model's)",
    )
    return extended


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    options = parser("pipeline.export.c_source", "Write C from an int8 .tflite.").parse_args(arguments)

    def files(tflite: bytes) -> tuple[dict[str, bytes], str]:
        code, header, shown = render_options(options, tflite)
        return {f"{NAME}.c": code.encode(), f"{NAME}.h": header.encode()}, shown

    return command.run(options, files)


if __name__ == "__main__":
    sys.exit(main())

"""C from the integers of the `.tflite`: one C99 file and its header, for a 32-bit microcontroller or anything larger.

    python -m pipeline.export.to_c models/edge/lenet5-int8.tflite OUT    # OUT/lenet5_int8.c, .h, and a table

The file includes `stdint.h` alone: no allocation, no floating point, no library but what every compiler
calls on its own (memcpy, memset, 64-bit division).
It computes what `pipeline.reference` computes in TensorFlow Lite Micro's
rounding, and normalizes pictures as `serving.images.normalize` does, both bit
for bit. Hand-written parts are in `c/`.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline import reference
from pipeline.reference import Layer, Reference, Unsupported
from pipeline.run import write_bytes
from serving import __version__
from serving.decode import MAX_ERROR
from serving.errors import CheckdigitError
from serving.repository import Repository
from serving.tables import format_table

NAME: Final = "lenet5_int8"
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


def margin(network: Reference, threshold: float) -> int:
    """The distance of the two best logits from which a digit's probability cannot be below a threshold.

    Nine others that are all as near as the second take most: p ≥ 1 / (1 + 9·exp(−scale·margin)).

    Args:
        network: of 10 logits.
        threshold: probability, below 1.
    """
    odds = threshold / (1 - threshold)
    return math.ceil(math.log((network.task.classes - 1) * odds) / network.output.scale)


def write(network: Reference, sha256: str, threshold: float) -> tuple[str, str]:
    """The C file and its header.

    Args:
        network: the integers.
        sha256: of the file that they are from.
        threshold: probability from which a digit is accepted.

    Raises:
        Unsupported: as `plan`.
    """
    placed = plan(network)
    about = (
        f"LeNet-5 in 8-bit integers. Written by checkdigit {__version__} from a .tflite with the SHA-256\n"
        f"   {sha256}.\n"
        f"   Constants {placed.constants:,} bytes, static RAM {placed.arena:,} bytes (the classifier's),\n"
        f"   {sum(step.multiply_accumulates for step in placed.steps):,} multiply-accumulates a picture."
    )
    header = _HEADER.format(about=about, margin=margin(network, threshold), threshold=threshold)
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

#ifndef CHECKDIGIT_LENET5_INT8_H
#define CHECKDIGIT_LENET5_INT8_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

typedef char checkdigit_int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

/* From this margin on a digit may be taken without a human: its probability is then {threshold!r} at least. */
#define CHECKDIGIT_LENET5_MARGIN {margin}

/* The digit in 28x28 pixels, 0 = paper and 255 = ink, normalized as below; of equally good ones the smallest.
   `logits` becomes what the network says of each digit. Not reentrant. */
int checkdigit_lenet5_classify(const uint8_t pixels[784], int8_t logits[10]);

/* How far the best of ten logits is above the second: accepted from CHECKDIGIT_LENET5_MARGIN on. */
int checkdigit_lenet5_margin(const int8_t logits[10]);

/* The network's pixels from a picture of one digit: 8-bit gray levels, rows `stride` bytes apart, any size from
   1x1, dark ink on light or light on dark. Returns 1; 0 where no ink was found, and -1 for an impossible size:
   then all pixels are paper, and there is no digit to classify. Not reentrant; takes 64 KiB of static RAM, which a linker leaves out (with
   -ffunction-sections -fdata-sections -Wl,--gc-sections) where nobody calls it. */
int checkdigit_normalize(const uint8_t *gray, int width, int height, int stride, uint8_t out[784]);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _constants(layer: Layer) -> dict[str, npt.NDArray[np.integer]]:
    """A layer's arrays by name; none for pooling."""
    if layer.kind in _POOLS:
        return {}
    multiplier, shift = reference.multipliers(layer)
    return {
        "weights": layer.weights.reshape(-1),
        "bias": layer.bias,
        "multipliers": multiplier.astype(np.int32),
        "shifts": shift.astype(np.int8),
    }


def _arrays(layer: Layer) -> str:
    lines = []
    for name, values in _constants(layer).items():
        symbol = f"checkdigit_{layer.name}_{name}"
        numbers = values.tolist()
        rows = [", ".join(map(str, numbers[at : at + 24])) for at in range(0, len(numbers), 24)]
        body = ",\n    ".join(rows)
        lines.append(f"static const {values.dtype.name}_t {symbol}[] = {{\n    {body}}};")
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
                f"checkdigit_{layer.kind}({source}, {columns}, {channels}, {window}, {to_rows}, {to_columns}, "
                f"{layer.low}, {layer.high}, {target});"
            )
        else:
            above, _, before, _ = layer.padding
            arrays = ", ".join(f"checkdigit_{layer.name}_{name}" for name in _constants(layer))
            calls.append(
                f"checkdigit_convolution({source}, {rows}, {columns}, {channels}, {layer.input.zero_point}, "
                f"{window}, {above}, {before}, {to_rows}, {to_columns}, {filters},\n        {arrays},\n        "
                f"{len(layer.weight_scales)}, {layer.output.zero_point}, {layer.low}, {layer.high}, "
                f"checkdigit_arena + {step.patch // 2}, {target});"
            )
        source = target
    body = "\n    ".join(calls)
    classes = network.task.classes
    return f"""/* Two activations at a time, at its two ends, and between them what a filter sees. */
static int16_t checkdigit_arena[{placed.arena // 2}];

int checkdigit_lenet5_classify(const uint8_t pixels[784], int8_t logits[10])
{{
    uint8_t *const arena = (uint8_t *)checkdigit_arena;
    int best = 0;
    {body}
    for (int i = 0; i < {classes}; i++) {{
        logits[i] = (int8_t)(arena[{placed.steps[-1].output} + i] - 128);
        best = logits[i] > logits[best] ? i : best;
    }}
    return best;
}}

int checkdigit_lenet5_margin(const int8_t logits[10])
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


def _threshold(digest: str) -> float:
    """The released threshold for the usual error, of the model that the file with this SHA-256 belongs to."""
    for model in Repository.open().manifest.models.values():
        if any(artifact.sha256 == digest for artifact in model.artifacts):
            for entry in model.thresholds:
                if entry.max_error == MAX_ERROR:
                    return entry.threshold
    raise CheckdigitError("no threshold is known for this file: give one, --threshold 0.99")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return run(
        "python -m pipeline.export.to_c",
        "Write C from an int8 .tflite.",
        lambda code, header: {"c": code.encode(), "h": header.encode()},
        arguments,
    )


def run(
    program: str,
    description: str,
    made: Callable[[str, str], dict[str, bytes]],
    arguments: list[str] | None,
) -> int:
    """A command that writes files from the C of a `.tflite`; returns the exit status.

    Args:
        program: its name.
        description: what it does.
        made: the C file and its header → the files' contents by suffix.
        arguments: of the command line; None = the process's.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("tflite", type=Path, metavar="FILE", help="the int8 model")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=f"where {NAME}.* goes")
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="probability from which a digit is accepted (default: the released model's)",
    )
    options = parser.parse_args(arguments)
    try:
        content = options.tflite.read_bytes()
        network, digest = reference.load(content), hashlib.sha256(content).hexdigest()
        threshold = _threshold(digest) if options.threshold is None else options.threshold
        if not 0 < threshold < 1:
            raise CheckdigitError(f"--threshold is a probability between 0 and 1, got {threshold}")
        files = made(*write(network, digest, threshold))
    except (CheckdigitError, OSError) as error:
        return refused(options.tflite, error)
    try:
        for suffix, data in files.items():
            write_bytes(options.folder / f"{NAME}.{suffix}", data)
    except OSError as error:
        return refused(options.folder, error)
    print(table(network))
    return 0


def refused(path: Path, error: CheckdigitError | OSError) -> int:
    """Says in one line what was wrong with which path; returns the exit status."""
    reason = error.strerror if isinstance(error, OSError) else error
    print(f"error: {path}: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

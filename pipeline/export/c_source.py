"""Writes C from the integers of the `.tflite`: one C99 file and its header, for a 32-bit microcontroller or larger.

    python -m pipeline.export.c_source models/edge/lenet5-int8.tflite OUT    # OUT/lenet5-int8.c, .h, and a table

The file includes `stdint.h` alone: no allocation, no floating point, no library but what every compiler
calls on its own (memcpy, memset, 64-bit division). It computes what
`pipeline.networks.integer_reference` computes in TensorFlow Lite Micro's
rounding, and normalizes pictures as `serving.images.digit.normalize` does, both bit
for bit. Hand-written parts are in `c/`.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.export import c_layout, command
from pipeline.export.c_layout import Layout, Step
from pipeline.export.provenance import embed_in_c
from pipeline.networks import integer_reference
from pipeline.networks.integer_reference import Layer, Reference
from serving import __version__
from serving.decoding.thresholds import default_max_error
from serving.errors import CheckreaderError
from serving.manifest import Threshold
from serving.repository.store import Repository
from serving.table import format_table

if TYPE_CHECKING:
    from pipeline.export.source import Source

NAME: Final = "lenet5-int8"
_PARTS: Final = Path(__file__).parent / "c"
# The hand-written parts that a network's kernels are in.
_KERNELS: Final = {
    "convolution": "convolution",
    "convolution_max_pool": "max_pool",
    "average_pool": "average_pool",
    "dense": "dense",
    "logits": "dense",
}
UNREACHABLE: Final = 256  # a margin that no two int8 logits have
MILLION: Final = 1_000_000  # error bounds are whole millionths in C


def margin(network: Reference, threshold: float) -> int:
    """Returns the distance of the two best logits from which a digit's probability cannot be below a threshold.

    The probability is lowest where all nine others equal the second: p ≥ 1 / (1 + 9·exp(−scale·margin)).

    Args:
        network: a network of 10 logits.
        threshold: probability; with 1 nothing is accepted: no two logits are `UNREACHABLE` apart.
    """
    if threshold >= 1:
        return UNREACHABLE
    odds = threshold / (1 - threshold)
    # Not below 0: the margin of what has no evidence of a digit is -1.
    return max(0, math.ceil(math.log((network.classes - 1) * odds) / network.output.scale))


def least_lead(network: Reference, least_evidence: float | None) -> int:
    """Returns the lead of the best logit over all ten together from which the evidence cannot be below the least.

    The lead is ten times the best logit less the sum of all: −Σ ln p = 10·ln Σ exp(scale·logit) − scale·Σ logit ≥ scale·lead.
    """
    if least_evidence is None:
        return 0
    return math.ceil(network.classes * least_evidence / network.output.scale)


def code(source: Source, provenance: dict[str, Any]) -> bytes:
    """Returns the C file of a run."""
    return embed_in_c(render_run(source)[0], provenance)


def header(source: Source, provenance: dict[str, Any]) -> bytes:
    """Returns the header of a run's C file."""
    return render_run(source)[1].encode()


def render_run(source: Source) -> tuple[str, str]:
    """Returns the C file and its header, from the very `.tflite` that the run exports.

    Raises:
        Unsupported: as `c_layout.layout`.
    """
    from pipeline.export import formats, tflite

    content = tflite.int8(source, source.provenance(formats.get("tflite_int8")))
    digest = hashlib.sha256(content).hexdigest()
    return render(integer_reference.load(content), digest, source.thresholds, source.least_evidence)


def render(
    network: Reference, sha256: str, thresholds: Sequence[Threshold], least_evidence: float | None = None
) -> tuple[str, str]:
    """Returns the C file and its header.

    Args:
        network: the integers.
        sha256: the hash of the file that they are from.
        thresholds: of each certified error bound the probability from which a digit is accepted.
        least_evidence: what a digit has to show, too, see `serving.decoding.thresholds.evidence`.

    Raises:
        Unsupported: as `c_layout.layout`.
    """
    layout = c_layout.layout(network)
    about = (
        f"LeNet-5 in 8-bit integers. Written by checkreader {__version__} from a .tflite with the SHA-256\n"
        f"   {sha256}.\n"
        f"   Constants {layout.constants:,} bytes, static RAM {layout.arena:,} bytes (the classifier's),\n"
        f"   {sum(step.multiply_accumulates for step in layout.steps):,} multiply-accumulates a picture."
    )
    header = _HEADER.format(
        about=about,
        default=round(default_max_error(thresholds) * MILLION),
        unreachable=UNREACHABLE,
        scale=float(network.output.scale),
    )
    kernels = dict.fromkeys(_KERNELS[step.kernel] for step in layout.steps)
    parts = [
        f'/* {about} */\n\n#include "{NAME}.h"\n',
        _BLOCKS.format(patch=layout.patch, block=c_layout.BLOCK),
        *(_arrays(step.layer) for step in layout.steps if step.taps),
        *((_PARTS / f"{part}.c").read_text() for part in ("kernels", *kernels)),
        _classify(network, layout, least_lead(network, least_evidence)),
        _bounds(network, thresholds),
        (_PARTS / "accepting.c").read_text(),
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

/* A bound on the share of errors among the accepted digits is in millionths: 10000 is 1 %. This is the one to ask for
   where none is wanted: 1 %, or the smallest certified one above it, up to 5 %. */
#define CHECKREADER_LENET5_MAX_ERROR {default}

/* A margin that no two logits have. */
#define CHECKREADER_LENET5_UNREACHABLE {unreachable}

/* For a caller with floating point: the probabilities are softmax(CHECKREADER_LENET5_SCALE * logits). */
#define CHECKREADER_LENET5_SCALE {scale!r}

/* Returns the digit in 28x28 pixels, 0 = paper and 255 = ink, normalized as below; the smallest of equally good ones.
   `logits` receives the network's logit of each digit. Not reentrant. */
int checkreader_lenet5_classify(const uint8_t pixels[784], int8_t logits[10]);

/* Returns the difference of the two best logits; -1 where the others are not low enough for a digit. */
int checkreader_lenet5_margin(const int8_t logits[10]);

/* Returns the margin from which a digit is accepted, without a human, where the bound `max_error` is wanted: that of the
   certified bound that is applied. CHECKREADER_LENET5_UNREACHABLE where there is none: nothing is accepted. */
int checkreader_lenet5_threshold(int32_t max_error);

/* Returns the certified bound that is applied: the largest that is not above `max_error`; 0 where there is none. */
int32_t checkreader_lenet5_applied(int32_t max_error);

/* Returns the certified bound at an index from 0, the smallest first; 0 after the last. */
int32_t checkreader_lenet5_bound(int index);

/* Normalizes a picture of one digit to the network's pixels: 8-bit gray levels, rows `stride` bytes apart, any size
   from 1x1, dark ink on light or light on dark. Returns 1; 0 if no ink was found, and -1 for an impossible size: then
   all pixels are paper, and there is no digit to classify. Not reentrant. Takes 64 KiB of static RAM, which a linker
   leaves out if nobody calls it (with -ffunction-sections -fdata-sections -Wl,--gc-sections). */
int checkreader_normalize(const uint8_t *gray, int width, int height, int stride, uint8_t out[784]);

#ifdef __cplusplus
}}
#endif

#endif
"""


_BLOCKS: Final = """/* Where one instruction multiplies {block} pairs of bytes, vectors are continued with zeros to a multiple of that, so that
   compilers need no loop for the rest. */
#if defined __AVX512VNNI__ || defined __AVXVNNI__
enum {{ CHECKREADER_BLOCK = {block} }};
#else
enum {{ CHECKREADER_BLOCK = 1 }};
#endif
#define CHECKREADER_PADDED(taps) (((taps) + CHECKREADER_BLOCK - 1) / CHECKREADER_BLOCK * CHECKREADER_BLOCK)

enum {{ CHECKREADER_PATCH = {patch} }}; /* bytes from one window in memory to the next */
"""


def _arrays(layer: Layer) -> str:
    """Returns a layer's arrays as C; behind the weights lie zeros as many as a block is longer than one number."""
    lines = []
    for name, values in c_layout.constants(layer).items():
        symbol, count = f"checkreader_{layer.name}_{name}", str(values.size)
        if name == "weights":
            count += " + CHECKREADER_BLOCK - 1"
        numbers = values.tolist()
        rows = [",".join(map(str, numbers[at : at + 28])) for at in range(0, len(numbers), 28)]
        body = ",\n".join(rows)
        lines.append(f"static const {values.dtype.name}_t {symbol}[{count}] = {{\n{body}}};")
    return "\n".join(lines) + "\n"


def _call(step: Step) -> str:
    """Returns a kernel's call as C."""
    layer = step.layer
    arrays = [f"checkreader_{layer.name}_{name}" for name in c_layout.constants(layer)]
    source, target = f"arena + {step.input}", f"arena + {step.output}"
    _, width, channels = step.source
    rows, columns, outputs = step.target
    size = [width, channels, layer.window[0], layer.stride[0], rows, columns]
    each = 1 if len(layer.weight_scales) > 1 else 0
    match step.kernel:
        case "average_pool":
            arguments = [source, *size, target]
        case "dense":
            arguments = [source, step.taps, outputs, *arrays, each, target]
        case "logits":
            arguments = [source, step.taps, outputs, *arrays, each, layer.output.zero_point, "logits"]
        case _:
            arguments = [source, *size, outputs, *arrays, f"arena + {step.patches}", target]
    lines = textwrap.wrap(", ".join(map(str, arguments)), 104, break_long_words=False, break_on_hyphens=False)
    return f"checkreader_{step.kernel}(\n        {f'{chr(10)}        '.join(lines)});"


def _classify(network: Reference, layout: Layout, lead: int) -> str:
    """Returns the arena and the functions that classify, as C."""
    first = layout.steps[0]
    rows, columns, _ = first.source
    above, _, before, _ = first.layer.padding
    calls = [
        f"checkreader_frame(pixels, {rows}, {columns}, {above}, {before}, arena + {first.input});",
        *map(_call, layout.steps),
    ]
    body = "\n    ".join(calls)
    classes = network.classes
    return f"""/* A layer's input and output lie at its two ends, and between them a convolution's windows. The first output follows
   the picture, and overwrites its rows when no window needs them any more. */
static uint8_t checkreader_arena[{layout.arena}];

int checkreader_lenet5_classify(const uint8_t pixels[784], int8_t logits[10])
{{
    uint8_t *const arena = checkreader_arena;
    int best = 0;
    {body}
    for (int i = 1; i < {classes}; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}}

int checkreader_lenet5_margin(const int8_t logits[10])
{{
    int best = -256, second = -256, sum = 0;
    for (int i = 0; i < {classes}; i++) {{
        sum += logits[i];
        if (logits[i] > best) {{
            second = best;
            best = logits[i];
        }} else if (logits[i] > second) {{
            second = logits[i];
        }}
    }}
    return {classes} * best - sum < {lead} ? -1 : best - second;
}}
"""


def _bounds(network: Reference, thresholds: Sequence[Threshold]) -> str:
    """Returns the certified error bounds and their margins as C; the first row is applied where no bound is certified."""
    rows = [f"    {{0, {UNREACHABLE}}},"]
    for entry in sorted(thresholds, key=lambda entry: entry.max_error):
        bound, margin_ = round(entry.max_error * MILLION), margin(network, entry.threshold)
        rows.append(
            f"    {{{bound}, {margin_}}},  /* its probability is then at least {entry.threshold!r} */"
        )
    listing = "\n".join(rows)
    return f"""/* Certified bounds on the share of errors, in millionths, and the margin from which a digit is accepted at each. */
static const struct {{
    int32_t max_error;
    int16_t margin;
}} checkreader_bounds[] = {{
{listing}
}};
"""


def table(network: Reference) -> str:
    """Formats layers, bytes of RAM and flash and multiply-accumulates for the screen."""
    layout = c_layout.layout(network)
    rows: list[tuple[str, ...]] = []
    for step in layout.steps:
        flash = sum(array.nbytes for array in c_layout.constants(step.layer).values())
        numbers = (f"{count:,}" for count in (math.prod(step.target), flash, step.multiply_accumulates))
        rows.append((step.layer.name, step.kernel.replace("_", " "), c_layout.times(step.target), *numbers))
    total = sum(step.multiply_accumulates for step in layout.steps)
    rows.append(("total", "", "", f"{layout.arena:,}", f"{layout.constants:,}", f"{total:,}"))
    return format_table(("layer", "kernel", "output", "RAM bytes", "flash bytes", "MACs"), rows)


def _released(digest: str) -> tuple[list[Threshold], float | None]:
    """Returns thresholds and least evidence of the released model that the file with this SHA-256 belongs to."""
    for model in Repository.open().manifest.models.values():
        if any(artifact.sha256 == digest for artifact in model.artifacts):
            return model.thresholds, model.least_evidence
    return [], None


def render_options(options: argparse.Namespace, tflite: bytes) -> tuple[str, str, str]:
    """Returns the C file, its header and the table, by the command line's options.

    Raises:
        CheckreaderError: as `integer_reference.load`, or there is no threshold for this file.
    """
    network, digest = integer_reference.load(tflite), hashlib.sha256(tflite).hexdigest()
    thresholds, least_evidence = _released(digest)
    if options.threshold:
        thresholds, least_evidence = list(map(_parse_threshold, options.threshold)), options.least_evidence
    if not thresholds:
        raise CheckreaderError("no threshold is known for this file: give one, --threshold 0.01=0.99")
    return *render(network, digest, thresholds, least_evidence), table(network)


def _parse_threshold(text: str) -> Threshold:
    """Reads an error bound and its threshold, "0.01=0.99"."""
    try:
        max_error, threshold = map(float, text.split("="))
    except ValueError:
        raise CheckreaderError(f"--threshold is BOUND=PROBABILITY, as 0.01=0.99, got {text!r}") from None
    if not (1 <= max_error * MILLION <= MILLION and 0 < threshold < 1):
        raise CheckreaderError(
            f"--threshold is an error bound and a probability, both between 0 and 1, got {text!r}"
        )
    return Threshold(max_error, threshold, 0.0, 0.0, 1.0, 0.0, 0)


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """Returns the options of a command that begins with the C file."""
    arguments = command.parser(module, description)
    arguments.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="E=P",
        help="an error bound and the probability from which a digit is accepted; may be repeated "
        "(default: the released model's)",
    )
    arguments.add_argument(
        "--least-evidence",
        type=float,
        metavar="NATS",
        help="with --threshold: the mean of -ln p that a digit has to show, too (default: none)",
    )
    return arguments


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = parser("pipeline.export.c_source", "Write C from an int8 .tflite.").parse_args(arguments)

    def files(tflite: bytes) -> tuple[dict[str, bytes], str]:
        code, header, layers = render_options(options, tflite)
        return {f"{NAME}.c": code.encode(), f"{NAME}.h": header.encode()}, layers

    return command.run(options, files)


if __name__ == "__main__":
    sys.exit(main())

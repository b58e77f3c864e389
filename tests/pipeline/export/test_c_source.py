"""The C file: compiled strictly, run under the sanitizers, equal to the integers and the normalization it repeats."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.special import softmax

from pipeline.export import c_source, provenance
from pipeline.networks import integer_reference
from pipeline.networks.integer_reference import Reference
from pipeline.synthesis import digit_drawing, nondigits
from serving.decoding.thresholds import default_max_error, evidence, operating_point
from serving.images.digit import normalize
from serving.manifest import Threshold
from serving.repository.store import Repository
from tests.support import integer_networks

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
DRIVER = Path(__file__).with_name("driver.c")
RELEASED = "edge/lenet5-int8.tflite"
BOUNDS = Path(__file__).with_name("bounds.c")


def entry(max_error: float, threshold: float) -> Threshold:
    return Threshold(max_error, threshold, 0.0, 0.0, 0.1, 0.9, 100)


THRESHOLDS = [entry(0.05, 0.8), entry(0.01, 0.97), entry(0.002, 0.999)]

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler: cc")


class Answer(NamedTuple):
    found: int
    pixels: np.ndarray
    digit: int
    margin: int
    logits: np.ndarray


Program = Callable[..., list[Answer]]


def program(
    folder: Path, network: Reference, flags: Sequence[str], least_evidence: float | None = None
) -> Program:
    """The C of a network, compiled: gray pictures → what it says of each."""
    rendered = c_source.render(network, "0" * 64, THRESHOLDS, least_evidence)
    for suffix, text in zip("ch", rendered, strict=True):
        (folder / f"{c_source.NAME}.{suffix}").write_text(text)
    code = folder / f"{c_source.NAME}.c"
    subprocess.run(["cc", *STRICT, *flags, "-c", code, "-o", folder / "lenet5.o"], check=True)
    binary = folder / "driver"
    subprocess.run(
        ["cc", "-std=c99", *flags, "-I", folder, DRIVER, folder / "lenet5.o", "-o", binary], check=True
    )

    def ask(
        pictures: Sequence[np.ndarray], size: tuple[int, int, int] | None = None, raw: bool = False
    ) -> list[Answer]:
        given = b""
        for gray in pictures:
            # What lies between two rows is somebody else's.
            beside = np.full((len(gray), 0 if size or raw else len(given) % 5), 77, np.uint8)
            content = np.hstack([gray, beside]).tobytes()
            width, height, stride = size or (gray.shape[1], gray.shape[0], gray.shape[1] + beside.shape[1])
            given += struct.pack("=5i", width, height, stride, raw, len(content)) + content
        done = subprocess.run([binary], input=given, capture_output=True, check=False)
        assert not done.returncode, done.stderr.decode()
        rows = np.frombuffer(done.stdout, np.uint8).reshape(len(pictures), 1 + 784 + 3 + 10)
        return [
            Answer(
                int(row[:1].view(np.int8)[0]),
                row[1:785].reshape(28, 28),
                int(row[785]),
                int(row[786:788].copy().view("<i2")[0]),
                row[788:].view(np.int8),
            )
            for row in rows
        ]

    return ask


@pytest.fixture(scope="module")
def network() -> Reference:
    return integer_reference.load((Repository.open().folder / RELEASED).read_bytes())


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, network: Reference) -> Program:
    """The released model's C under the sanitizers."""
    return program(tmp_path_factory.mktemp("c"), network, SANITIZED)


def test_the_released_files_are_these(network: Reference) -> None:
    repository = Repository.open()
    model = repository.manifest.models["lenet5-int8"]
    digest = hashlib.sha256((repository.folder / RELEASED).read_bytes()).hexdigest()
    code, header = c_source.render(network, digest, model.thresholds, model.least_evidence)
    released = repository.folder / "edge" / c_source.NAME
    assert released.with_suffix(".c").read_text().startswith(code)
    assert released.with_suffix(".h").read_text() == header
    for ending, format_name in ((".c", "c"), (".wasm", "wasm"), ("-simd.wasm", "wasm_simd")):
        written = provenance.read(repository.folder / "edge" / f"{c_source.NAME}{ending}")
        assert (written["model"], written["format"]) == ("lenet5-int8", format_name)


def pictures() -> list[np.ndarray]:
    """Digits and others, noise of every small size, and long, flat and single-pixel pictures."""
    rng = np.random.default_rng(0)
    sizes = [(h, w) for h in range(1, 8) for w in range(1, 8)]
    sizes += [(1, 300), (300, 1), (2, 129), (129, 130), (128, 128), (200, 257), (40, 60), (1, 5_000)]
    found = [rng.integers(0, 256, size, np.uint8) for size in sizes]
    found += [np.where(rng.random(size) < 0.1, 255, 0).astype(np.uint8) for size in sizes]
    found += [np.full((5, 9), level, np.uint8) for level in (0, 7, 255)]
    found += [digit_drawing.digit(digit, rng) for digit in range(10)]
    found += list(nondigits.pictures(40, 1))
    return found


def test_normalizes_as_the_service_to_the_bit(released: Program) -> None:
    given = pictures()
    for gray, answer in zip(given, released(given), strict=True):
        expected = normalize(gray)
        np.testing.assert_array_equal(answer.pixels, expected, err_msg=str(gray.shape))
        assert answer.found == expected.any()


def test_classifies_as_the_reference_to_the_bit(released: Program, network: Reference) -> None:
    answers = released(pictures())
    pixels = np.stack([answer.pixels for answer in answers])
    expected = integer_reference.logits(network, pixels)
    np.testing.assert_array_equal(np.stack([answer.logits for answer in answers]), expected)
    assert [answer.digit for answer in answers] == expected.argmax(1).tolist()
    best = np.sort(expected.astype(int), 1)
    assert [answer.margin for answer in answers] == (best[:, -1] - best[:, -2]).tolist()


@pytest.mark.parametrize("pooling", ["folded", "max_pool", "average_pool"])
@pytest.mark.parametrize("block", [[], ["-D__AVX512VNNI__"]], ids=["1", "64"])
def test_any_pixels_are_classified(tmp_path: Path, pooling: str, block: list[str]) -> None:
    """Both lengths of a block: the processor's name only chooses one."""
    rng = np.random.default_rng(1)
    pixels = np.concatenate(
        [
            rng.integers(0, 256, (60, 28, 28), np.uint8),
            255 * rng.integers(0, 2, (60, 28, 28), np.uint8),
            np.full((1, 28, 28), 255, np.uint8),
            np.zeros((1, 28, 28), np.uint8),
        ]
    )
    network = integer_networks.network(pooling)
    answers = program(tmp_path, network, [*SANITIZED, *block])(pixels, raw=True)
    expected = integer_reference.logits(network, pixels)
    assert len(np.unique(expected)) > 30
    np.testing.assert_array_equal(np.stack([answer.logits for answer in answers]), expected)


@pytest.mark.parametrize(
    "size", [(0, 5, 5), (5, 0, 5), (5, 5, 4), (-1, 5, 5), (1, 2**31 - 1, 1), (2**31 - 1, 1, 2**31 - 1)]
)
def test_an_impossible_size_is_paper(released: Program, size: tuple[int, int, int]) -> None:
    (answer,) = released([np.zeros((5, 5), np.uint8)], size)
    assert (answer.found, answer.pixels.any()) == (-1, False)


def test_the_margin_promises_the_probability(network: Reference) -> None:
    """Whatever the margin accepts, the probability accepts too."""
    rng = np.random.default_rng(2)
    for threshold in (0.5, 0.9, 0.99, 0.999):
        margin = c_source.margin(network, threshold)
        logits = rng.integers(-128, 128, (2_000, 10))
        logits[:, 1:] = np.minimum(logits[:, 1:], logits[:, :1] - margin)
        logits[0, :] = logits[0, 0] - margin  # all others as near as can be
        logits[0, 0] += margin
        probabilities = softmax(logits * network.output.scale, axis=1)
        assert probabilities[:, 0].min() >= threshold
        assert math.isclose(probabilities[0, 0], threshold, abs_tol=0.1)


def test_without_evidence_the_margin_is_below_every_threshold(tmp_path: Path, network: Reference) -> None:
    """Nothing is taken that lacks evidence by the service's rule, and little that has it is missed."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (400, 28, 28), np.uint8)
    digits = [digit_drawing.digit(digit, rng) for digit in range(10) for _ in range(20)]
    pixels = np.concatenate([pixels, [normalize(gray) for gray in digits]])
    logits = integer_reference.logits(network, pixels).astype(int)
    shown = evidence(softmax(logits * network.output.scale, axis=1))
    least = float(np.median(shown))
    answers = program(tmp_path, network, SANITIZED, least)(pixels, raw=True)
    margins = np.array([answer.margin for answer in answers])
    best = np.sort(logits, 1)
    lead = 10 * best[:, -1] - logits.sum(1) >= c_source.least_lead(network, least)
    assert margins.tolist() == np.where(lead, best[:, -1] - best[:, -2], -1).tolist()
    assert (shown[margins >= 0] >= least).all()
    assert 0 < (margins >= 0).sum() < len(margins)
    assert all(c_source.margin(network, threshold) >= 0 for threshold in (1e-6, 0.05, 0.5))


def test_where_nothing_is_accepted_no_margin_is_large_enough(network: Reference) -> None:
    """A threshold that float32 rounds to 1 was a division by zero."""
    assert c_source.margin(network, 1.0) > 127 - -128


def ask_bounds(folder: Path, network: Reference, thresholds: Sequence[Threshold], wanted: Sequence[int]):
    """The C's default bound, its listed bounds, and for each of `wanted` the applied bound and the margin."""
    for suffix, text in zip("ch", c_source.render(network, "0" * 64, thresholds), strict=True):
        (folder / f"{c_source.NAME}.{suffix}").write_text(text)
    binary = folder / "bounds"
    subprocess.run(
        ["cc", *STRICT, "-I", folder, BOUNDS, folder / f"{c_source.NAME}.c", "-o", binary], check=True
    )
    done = subprocess.run([binary, *map(str, wanted)], capture_output=True, text=True, check=True)
    default, listed, *answers = done.stdout.splitlines()
    return (
        int(default),
        [int(bound) for bound in listed.split()],
        [tuple(int(number) for number in line.split()) for line in answers],
    )


@pytest.mark.parametrize(
    "thresholds",
    [
        [],
        THRESHOLDS,
        THRESHOLDS[:1],
        [entry(0.03, 0.9), entry(0.05, 0.8)],
        [entry(0.1, 0.5)],
        [entry(0.01, 1)],
    ],
    ids=lambda thresholds: ",".join(str(one.max_error) for one in thresholds) or "none",
)
def test_c_applies_the_rule_of_the_service(
    tmp_path: Path, network: Reference, thresholds: Sequence[Threshold]
) -> None:
    """One margin per listed bound; until now there was one margin in all."""
    edges = [
        bound for one in thresholds for bound in (round(one.max_error * 1e6) + step for step in (-1, 0, 1))
    ]
    wanted = sorted({1, 999, 1_000, 10_000, 30_000, 50_000, 1_000_000, *edges})
    default, listed, answers = ask_bounds(tmp_path, network, thresholds, [-5, 0, *wanted])
    assert listed == sorted(round(one.max_error * 1e6) for one in thresholds)
    assert default == round(default_max_error(thresholds) * 1e6)
    assert answers[:2] == [(0, c_source.UNREACHABLE)] * 2
    for max_error, answer in zip(wanted, answers[2:], strict=True):
        point = operating_point(thresholds, max_error / 1e6)
        if point.threshold is None:
            assert answer == (0, c_source.UNREACHABLE)
        else:
            margin = c_source.margin(network, point.threshold.threshold)
            assert answer == (round(point.threshold.max_error * 1e6), margin)


def test_every_symbol_is_prefixed_and_nothing_is_included(tmp_path: Path, network: Reference) -> None:
    program(tmp_path, network, ["-Os"])
    names = subprocess.run(
        ["nm", tmp_path / "lenet5.o"], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    symbols = [line.split()[-1] for line in names if line]
    assert all(name.startswith("checkreader_") for name in symbols if name != "_GLOBAL_OFFSET_TABLE_")
    undefined = {line.split()[-1] for line in names if " U " in line}
    assert undefined <= {
        "_GLOBAL_OFFSET_TABLE_",
        "memcpy",
        "memset",
        "__stack_chk_fail",
    }  # what compilers put in
    code = (tmp_path / f"{c_source.NAME}.c").read_text()
    assert re.findall(r"#include (\S+)", code) == [f'"{c_source.NAME}.h"']
    assert not re.search(r"\b(float|double|malloc)\b", code)


def test_the_command(tmp_path: Path, network: Reference, capsys: pytest.CaptureFixture[str]) -> None:
    repository = Repository.open()
    file = repository.folder / RELEASED
    assert c_source.main([str(file), str(tmp_path)]) == 0
    assert "187,656" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"lenet5-int8.c", "lenet5-int8.h"}
    code = (tmp_path / "lenet5-int8.c").read_text()
    for point in repository.manifest.models["lenet5-int8"].thresholds:
        assert f"{{{round(point.max_error * 1e6)}, {c_source.margin(network, point.threshold)}}}," in code
    least = repository.manifest.models["lenet5-int8"].least_evidence
    assert f"sum < {c_source.least_lead(network, least)} ? -1" in code


def test_the_command_takes_thresholds_and_least_evidence(tmp_path: Path, network: Reference) -> None:
    bounds = ["--threshold", "0.05=0.9", "--threshold", "0.01=0.99", "--least-evidence", "6.5"]
    assert c_source.main([str(Repository.open().folder / RELEASED), str(tmp_path), *bounds]) == 0
    code = (tmp_path / "lenet5-int8.c").read_text()
    assert f"sum < {c_source.least_lead(network, 6.5)} ? -1" in code
    rows = re.findall(r"\{(\d+), (\d+)\}", code)
    assert [bound for bound, _ in rows] == ["0", "10000", "50000"]
    margins = [int(margin) for _, margin in rows]
    assert margins == sorted(margins, reverse=True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("edge/lenet5.tflite", "expected INT8: not an integer model"),
        ("edge/lenet5-field-int8.tflite", "any width"),
        ("golden/7a.png", "not a TensorFlow Lite file"),
        ("nothing.tflite", "No such file"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    assert (
        c_source.main(
            [str(Repository.open().folder / name), str(tmp_path / "out"), "--threshold", "0.01=0.9"]
        )
        == 1
    )
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unreleased_file_needs_a_threshold(
    integers: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.tflite").write_bytes(integers)
    assert c_source.main([str(tmp_path / "mine.tflite"), str(tmp_path)]) == 1
    assert "--threshold 0.01=0.99" in capsys.readouterr().err


def test_a_folder_that_is_a_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert c_source.main([str(Repository.open().folder / RELEASED), str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'file'}: ")


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("0.99", "--threshold is BOUND=PROBABILITY, as 0.01=0.99, got '0.99'"),
        ("0.01=x", "--threshold is BOUND=PROBABILITY"),
        ("0.01=1", "both between 0 and 1, got '0.01=1'"),
        ("0=0.99", "both between 0 and 1"),
        ("nan=0.99", "both between 0 and 1"),
        ("2=0.99", "both between 0 and 1"),
    ],
)
def test_a_threshold_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], threshold: str, message: str
) -> None:
    arguments = [str(Repository.open().folder / RELEASED), str(tmp_path), "--threshold", threshold]
    assert c_source.main(arguments) == 1
    assert message in capsys.readouterr().err

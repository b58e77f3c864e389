"""The documents say what is so: their commands run, their links lead somewhere, their numbers are the released ones."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from serving import __version__
from serving.manifest import NAME
from serving.manifest import decode as decode_manifest
from tests.support.documents import Block, parse_blocks
from tests.support.paths import ROOT
from tests.support.released import served

MAX_README_LINES: Final = 150
DOCUMENTS: Final = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
)
RUN: Final = ("sh", "python", "c")  # the languages of blocks that are run
ADDRESS: Final = "127.0.0.1:8000"  # of the service, in the documents
OLD_NAME: Final = "check" + "digit"  # what the product was called
OLD_NAME_ALLOWED: Final = re.compile(
    r"CHANGELOG\.md|serving/cli/renamed\.py|tests/serving/cli/test_renamed\.py"  # these tell of it
    r"|models/records/.*|benchmarks/.*\.json"  # records of runs under it
    r"|pipeline/release/documents\.py"  # this reads them
)


BLOCKS: Final = [block for document in DOCUMENTS for block in parse_blocks(document)]
RUN_BLOCKS: Final = [block for block in BLOCKS if block.language in RUN and not block.skipped]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the released models."""
    with served(tmp_path_factory.mktemp("service") / "errors.txt") as running:
        yield running.http


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder like the checkout, with the environment's commands in `bin/`; what is written there, and not into a folder of the checkout, is thrown away."""
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name not in ("bin", "runs", "dist"):
            (tmp_path / path.name).symlink_to(path)
    commands = {
        "python": f'exec {shlex.quote(sys.executable)} "$@"',
        "python3": f'exec {shlex.quote(sys.executable)} "$@"',
        "checkreader": f'exec {shlex.quote(sys.executable)} -m checkreader "$@"',
        "curl": f'exec {shutil.which("curl")} --silent --show-error --fail-with-body "$@"',
    }
    (tmp_path / "bin").mkdir()
    for name, line in commands.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    """Runs a command in a folder made by `checkout`; returns what it prints."""
    path = os.pathsep.join((str(folder / "bin"), os.environ["PATH"]))
    removed = ("CHECKREADER_MODELS", "CHECKREADER_API_KEYS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: text for name, text in os.environ.items() if name not in removed}
    environment |= {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    finished = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def compact(text: str) -> str:
    """Returns JSON without spaces and with numbers of three digits, which do not depend on the processor."""
    number = re.compile(r"\d+\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+")
    return number.sub(lambda match: f"{float(match[0]):.3g}", re.sub(r"\s+", "", text))


def check_output(block: Block, printed: str) -> None:
    """Compares what a block printed with what the document says; `…` in JSON stands for anything."""
    if block.output is None:
        return
    if block.output.language == "text":
        assert printed.strip() == block.output.text.strip()
        return
    position, content = 0, compact(printed)
    for part in compact(block.output.text).split("…"):
        assert part in content[position:], f"{content}\nhas no {part}"
        position = content.index(part, position) + len(part)


@pytest.mark.parametrize(
    "block", [block for block in RUN_BLOCKS if block.language == "sh"], ids=lambda block: block.where
)
def test_commands_run(block: Block, checkout: Path, request: pytest.FixtureRequest) -> None:
    text = block.text
    if ADDRESS in text:
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        text = text.replace(ADDRESS, request.getfixturevalue("service"))
    check_output(block, run(["bash", "-euo", "pipefail", "-c", text], checkout))


@pytest.mark.parametrize(
    "block", [block for block in RUN_BLOCKS if block.language == "python"], ids=lambda block: block.where
)
def test_python_examples_run(block: Block, checkout: Path, request: pytest.FixtureRequest) -> None:
    text = block.text
    if ADDRESS in text:
        text = text.replace(ADDRESS, request.getfixturevalue("service"))
    check_output(block, run([sys.executable, "-c", text], checkout))


@pytest.mark.parametrize(
    "block", [block for block in RUN_BLOCKS if block.language == "c"], ids=lambda block: block.where
)
def test_c_examples_compile_against_the_released_header(block: Block, tmp_path: Path) -> None:
    header = (ROOT / "models" / "edge" / "lenet5-int8.h").read_text()
    names = set(re.findall(r"\bcheckreader_\w+|\bCHECKREADER_\w+", block.text))
    assert names
    assert {name for name in names if not re.search(rf"\b{name}\b", header)} == set()
    (tmp_path / "example.c").write_text(block.text)
    caches = {name: str(tmp_path / name) for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    compiler = [sys.executable, "-m", "ziglang", "cc"]
    options = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "--target=wasm32-freestanding"]
    subprocess.run(
        [*compiler, *options, "-I", str(ROOT / "models" / "edge"), "-c", "example.c"],
        cwd=tmp_path,
        env={**os.environ, **caches},
        check=True,
    )


def test_there_are_blocks_of_each_kind() -> None:
    assert {block.language for block in RUN_BLOCKS} == set(RUN)
    assert any(block.output is not None for block in RUN_BLOCKS)
    assert {block.language for block in BLOCKS if block.skipped} <= set(RUN)


def anchors(path: Path) -> set[str]:
    """Returns the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"(?m)^#+ (.*)$", path.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*DOCUMENTS, "models/README.md"])
def test_every_link_and_picture_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    text = re.sub(r"(?s)```.*?```", "", (ROOT / document).read_text())
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    broken = []
    for target in targets:
        path, _, anchor = target.partition("#")
        if target.startswith(("https://", "http://")):
            continue
        file = (folder / path).resolve() if path else ROOT / document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", sorted({*DOCUMENTS} - {"CHANGELOG.md"}))  # which names what is gone
def test_every_path_in_backticks_exists(document: str) -> None:
    folders = "benchmarks|checkreader|deploy|docs|examples|models|pipeline|requirements|scripts|serving|tests"
    paths = set(re.findall(rf"`((?:{folders})/[\w./-]*)`", (ROOT / document).read_text()))
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def test_every_document_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"\]\(([\w/.]+\.md)\)", (ROOT / "docs" / "index.md").read_text()))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert pages <= listed
    readme = (ROOT / "README.md").read_text()
    assert {page for page in pages if f"](docs/{page}" not in readme} == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


def test_the_readme_states_the_certified_bounds() -> None:
    models = decode_manifest((ROOT / "models" / NAME).read_bytes()).models
    stated = re.search(
        r"the field model certifies (.*?), the digit model (.*?)\. Left out", (ROOT / "README.md").read_text()
    )
    assert stated is not None
    for name, text in zip(("lenet5-field", "lenet5"), stated.groups(), strict=True):
        bounds = sorted(threshold.max_error for threshold in models[name].thresholds)
        assert [float(number) / 100 for number in re.findall(r"([\d.]+) %", text)] == bounds


def test_the_license_is_the_unmodified_one() -> None:
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"  # Apache 2.0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE", "NOTICE"])


def test_no_document_installs_from_an_index() -> None:
    """The name belongs to nobody there yet: whoever takes it would be installed."""
    bare = re.compile(r"pip install [^\n`]*?(?<![/\w-])checkreader\b(?!-\d)")
    assert [document for document in DOCUMENTS if bare.search((ROOT / document).read_text())] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_wheel_and_image_are_of_this_version(document: str) -> None:
    text = (ROOT / document).read_text()
    assert set(re.findall(r"checkreader-(\d[\d.]*)-py3|\bcheckreader:(\d[\d.]*\d)", text)) <= {
        (__version__, ""),
        ("", __version__),
    }


def test_the_architecture_names_every_package() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    text = (ROOT / "docs" / "architecture.md").read_text()
    orders = [contract for contract in contracts if contract["type"] == "layers"]
    assert [contract["containers"] for contract in orders] == [["pipeline"], ["serving"]]
    for contract in orders:
        (half,) = contract["containers"]
        layers = contract["layers"][::-1]
        stated = re.search(rf"(?m)^- {half}: `([^`]*)`", text)
        assert stated is not None
        assert [set(part.split()) for part in stated[1].split("·")] == [
            set(re.split(r"[\s:]+", layer)) for layer in layers
        ]
        names = [name for layer in layers for name in re.split(r"[\s:]+", layer)]
        rows = re.findall(rf"(?m)^\| `{half}/(\w+)(?:/|\.py)` \|", text)
        assert sorted(rows) == sorted(names)


def test_the_picture_of_the_architecture_shows_the_imports(tmp_path: Path) -> None:
    """`make docs` would change nothing."""
    command = [sys.executable, "scripts/draw_architecture.py", str(tmp_path / "architecture.svg")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert (tmp_path / "architecture.svg").read_text() == (ROOT / "docs" / "architecture.svg").read_text()


def test_the_old_name_is_gone() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    spellings = [
        spelling.encode() for spelling in (OLD_NAME, OLD_NAME.upper(), OLD_NAME.capitalize())
    ]  # not CamelCase: a check digit is a word of the field
    named = [
        name
        for name in listed.split("\0")
        if name
        and (ROOT / name).is_file()
        and not OLD_NAME_ALLOWED.fullmatch(name)
        and any(spelling in name.encode() + b"\n" + (ROOT / name).read_bytes() for spelling in spellings)
    ]
    assert named == []

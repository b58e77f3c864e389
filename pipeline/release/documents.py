"""Renders the marked tables of README and documents from recorded JSON.

    python -m pipeline.release.documents README.md docs/*.md   # rewrites every marked block in these files
    python -m pipeline.release.documents runs/digits           # prints the table of a run

Between the lines `<!-- NAME -->` and `<!-- /NAME -->` stands what `templates/NAME.md.j2` says, NAME one of `BLOCKS`. The numbers
are those of `models/records/` and of `RESULTS`, below the folder where the command is called; a test holds the
documents against them.
"""

from __future__ import annotations

import functools
import json
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import jinja2

from pipeline.config import Lenet5Options
from pipeline.export.formats import FOLDER, TABLE, Format
from pipeline.networks import check_fields, folded, lenet5, lenet5_micr, spec
from pipeline.networks.lenet5 import LayerRow
from pipeline.records import CheckRecords, FieldRecords, MicrRecords, Pair, Records, convert
from pipeline.release.artifacts import records_folder
from pipeline.run import STAGES, write_bytes
from serving import __version__
from serving.errors import CheckreaderError

RESULTS: Final = Path("benchmarks/results")  # where benchmarks write their results, below the root
BLOCKS: Final = (
    "models",
    "processors",
    "table",
    "network",
    "numbers",
    "limits",
    "edge",
    "service",
    "operations",
    "stops",
    "fields",
    "checks",
)

AnyRecords: TypeAlias = Records | FieldRecords | MicrRecords | CheckRecords

_Kind = TypeVar("_Kind", bound=Records | FieldRecords | MicrRecords | CheckRecords)
_KINDS: Final[dict[str, type[AnyRecords]]] = {
    "digit": Records,
    "field": FieldRecords,
    "micr": MicrRecords,
    "check": CheckRecords,
}

# The product's name in results that were measured under the old one.
OLD_NAME: Final = "checkdigit"


def read_records(folder: Path, kind: type[_Kind]) -> _Kind:
    """Reads the records in a run's folder, or in `models/records/`.

    Args:
        folder: holds `train.json` and so on.
        kind: the records' type, which depends on the run's task.

    Raises:
        CheckreaderError: something is missing in a record.
    """
    content = {
        stage: json.loads((folder / f"{stage}.json").read_text())
        for stage in (*STAGES, "calibrate")
        if stage in STAGES or (folder / f"{stage}.json").exists()
    }
    return convert(content, kind, folder)


def run_table(folder: Path) -> str:
    """Renders the formats of a run, of whichever task, with size, accuracy or agreement, speed and memory."""
    task = json.loads((folder / "train.json").read_text()).get("task", "digit")
    return render(f"{task}_run", run=_read(folder, task))


def _read(folder: Path, task: str) -> AnyRecords:
    return read_records(folder, _KINDS[task])


def render_block(name: str, root: Path) -> str:
    """Renders a marked block from the JSON below `root`.

    Args:
        name: one of `BLOCKS`.
        root: the folder that holds `models/` and `RESULTS`.
    """

    def released(task: str) -> bool:
        return records_folder(root / "models", task).is_dir()

    def records(task: str) -> AnyRecords:
        return _read(records_folder(root / "models", task), task)

    def benchmark(name: str) -> Any:
        text = (root / RESULTS / f"{name}.json").read_text()
        return json.loads(text.replace(OLD_NAME, "checkreader"))

    def benchmarks(name: str) -> list[Any]:
        """Returns what was measured of times, a record for each processor."""
        files = sorted(path.stem for path in (root / RESULTS / name).glob("*.json"))
        return [benchmark(f"{name}/{file}") for file in files]

    return render(
        name,
        released=released,
        records=records,
        benchmark=benchmark,
        benchmarks=benchmarks,
        results=RESULTS.as_posix(),
    )


def renew(text: str, root: Path) -> str:
    """Renders the marked blocks of a document anew; all else stays.

    The block `fields` stays, too, where no field model is released.

    Args:
        text: the document, in Markdown.
        root: the folder that holds `models/` and `RESULTS`.

    Raises:
        CheckreaderError: a block begins and does not end, or the other way round.
    """
    for name in BLOCKS:
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if not {begin, end} & set(text.splitlines()):
            continue
        block = re.compile(f"^{begin}$.*?^{end}$", re.DOTALL | re.MULTILINE)
        if not block.search(text):
            raise CheckreaderError(f"nothing to renew: expected the lines {begin} and {end}")
        if name == "fields" and not records_folder(root / "models", "field").is_dir():
            continue
        content = f"{begin}\n{render_block(name, root)}\n{end}"
        text = block.sub(content.replace("\\", r"\\"), text)
    return text


def main(arguments: Sequence[str]) -> int:
    """Rewrites the blocks of Markdown files, and prints the tables of runs; the exit code."""
    try:
        for path in map(Path, arguments):
            if path.is_dir():
                print(run_table(path))
                continue
            text = path.read_text()
            try:
                renewed = renew(text, Path())
            except CheckreaderError as error:
                raise CheckreaderError(f"{path}: {error}") from None
            if renewed != text:
                write_bytes(path, renewed.encode())
    except CheckreaderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def render(template: str, **context: Any) -> str:
    """Renders one of `templates/`, called `template`.md.j2, without the last line's end."""
    return _environment().get_template(f"{template}.md.j2").render(context).rstrip("\n")


@functools.cache
def _environment() -> jinja2.Environment:
    """Loads `templates/`; a name that a template misspells is an error."""
    environment = jinja2.Environment(  # Markdown: nothing is to be escaped
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {filter_.__name__: filter_ for filter_ in _FILTERS}
    environment.globals |= {function.__name__: function for function in _FUNCTIONS}
    return environment


# Filters, which write numbers; shares as percentages.


def percent(share: float, places: int = 2) -> str:
    return f"{share:.{places}%}"


def decimals(number: float, places: int) -> str:
    return f"{number:.{places}f}"


def signed(number: float, places: int) -> str:
    return f"{number:+.{places}f}"


def scientific(number: float) -> str:
    return f"{number:.1e}"


def thousands(number: float) -> str:
    return f"{number:,.0f}"


def kilobytes(count: int) -> str:
    return f"{count / 1000:.0f}"


def interval(estimate: Any, places: int = 2) -> str:
    """Writes the confidence interval of a share, a record's or a manifest's."""
    low, high = (
        estimate[key] if isinstance(estimate, dict) else getattr(estimate, key) for key in ("low", "high")
    )
    return f"{percent(low, places)}–{percent(high, places)}"


# Functions, for templates that cannot look something up by themselves.


def formats(records: AnyRecords) -> tuple[Format, ...]:
    """Returns the formats that a run was exported in."""
    rows = TABLE[spec.task_of_record(records.train).name]
    return tuple(row for row in rows if f"{FOLDER}/{row.file}" in records.export.files)


def exported_bytes(records: AnyRecords, row: Format) -> int:
    """Returns the size of an exported file."""
    return records.export.files[f"{FOLDER}/{row.file}"].bytes


def same_strings(records: FieldRecords | MicrRecords, row: Format) -> float | None:
    """Returns the share of fields or lines that a format reads as its reference does; None: it is a reference itself."""
    pair = _with_reference(records, row)
    return pair.strings if pair else None


def top1(records: CheckRecords, row: Format) -> float | None:
    """Returns the share of parts that a format gives to the same field as its reference; None: it is a reference."""
    pair = _with_reference(records, row)
    return pair.top1 if pair else None


def _with_reference(records: AnyRecords, row: Format) -> Pair | None:
    """Returns the comparison of a format with its reference; None: it is one."""
    for pair in records.verify.pairs:
        if row.bound is not None and (pair.left, pair.right) == (row.bound.against, row.name):
            return pair
    return None


def measured_on(records: FieldRecords) -> dict[str, int]:
    """Returns the names and counts of the labeled fields that a field run was evaluated or calibrated on."""
    measured = {family.data["name"]: family.n for family in records.evaluate.families.values()}
    vetoes = records.calibrate.vetoes if records.calibrate else []
    return measured | {data["name"]: data["n"] for data in vetoes}


def deployed_size(records: Records) -> dict[str, int] | None:
    """Returns the parameters and multiply-accumulates of a digit run's network as deployed; None: it does not fold."""
    if Lenet5Options(**records.train.config["network"]) != Lenet5Options():
        return None
    rows = folded.table()
    return {
        "parameters": sum(row.parameters for row in rows),
        "multiply_accumulates": sum(row.multiply_accumulates for row in rows),
        "trained": sum(row.parameters for row in lenet5.table()),
    }


def micr_layers(width: int) -> list[LayerRow]:
    """Returns the table of the layers that read MICR lines, for a line of `width` columns."""
    return lenet5_micr.NETWORK.table(width)


def check_layers() -> list[LayerRow]:
    """Returns the table of the layers that find the fields of a check."""
    return check_fields.NETWORK.table()


def refusals(records: FieldRecords | MicrRecords) -> list[str]:
    """Returns the error bounds for which the calibration of a run chose no threshold, with the reason."""
    if records.calibrate is not None:
        families = records.calibrate.families.items()
        return [f"{name}, {line}" for name, family in families for line in family.calibration.refusals]
    return records.train.calibration.refusals if records.train.calibration else []


def lowest(kinds: dict[str, Any], model: str, preparation: str, count: int) -> list[tuple[str, float]]:
    """Returns the corruptions under which a model is least accurate, the worst first."""
    accuracies = {kind: float(accuracy[model][preparation]) for kind, accuracy in kinds.items()}
    return sorted(accuracies.items(), key=lambda pair: pair[1])[:count]


def accuracy_losses(recipe: dict[str, Any], other: dict[str, Any]) -> list[float]:
    """Returns the loss of validation accuracy by another recipe, for each seed that both were trained with."""
    return [
        entry["validation_accuracy"] - other["seeds"][seed]["validation_accuracy"]
        for seed, entry in sorted(recipe["seeds"].items())
        if seed in other["seeds"]
    ]


def with_version(server: str, packages: dict[str, str]) -> str:
    """Returns a server's name with its version, "out of the box" where parentheses say that it was not tuned."""
    package, _, variant = server.partition(" ")
    return f"{package} {packages.get(package, __version__)}{' out of the box' if variant else ''}"


_FILTERS: Final[tuple[Callable[..., Any], ...]] = (
    percent,
    decimals,
    signed,
    scientific,
    thousands,
    kilobytes,
    interval,
    statistics.median,
    statistics.mean,
)
_FUNCTIONS: Final[tuple[Callable[..., Any], ...]] = (
    formats,
    exported_bytes,
    same_strings,
    measured_on,
    deployed_size,
    micr_layers,
    check_layers,
    top1,
    refusals,
    lowest,
    accuracy_losses,
    with_version,
)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

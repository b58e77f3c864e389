"""Writes the report of a field run: one HTML file that shows what the network is, how well it reads and where it fails.

    checkreader report --run field                        # runs/field/report/index.html
    checkreader report --run field --pictures FOLDER      # with the worst of FOLDER's fields as pictures

It shows every set of labeled fields that the run was evaluated on, by the records that `evaluate` kept. Names of files,
labels, readings and pictures of the fields are in it only where their folder was named. It takes seconds, and no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline import progress
from pipeline.data.labeled_fields import Labeled
from pipeline.networks import spec
from pipeline.report import field_network, field_overview, field_set, worst_fields
from pipeline.report import html as page
from pipeline.report.field_run_data import FieldRunData
from pipeline.report.html import Chapter
from pipeline.run import Run


def report(run: Run, labeled: Sequence[Labeled] = ()) -> dict[str, Any]:
    """Runs the stage: writes `report/index.html`, its pictures and `report.json`.

    Args:
        run: an exported run of the task `field`.
        labeled: sets that the run was evaluated on, whose worst fields are to be shown.

    Returns:
        The record; `sets` has what each chapter shows of its set, `pictures` the sets whose fields are shown.

    Raises:
        CheckreaderError: a stage before is missing, one of its files changed, or the run was not evaluated on one of the sets.
    """
    run_data = FieldRunData.of(run)
    by_set = worst_fields.shown(run_data.sets, labeled, run)
    progress.note("report: the network")
    network = field_network.chapter(run_data)
    progress.note("report: the sets")
    sets = _sets(run_data, by_set)
    chapters = [network, field_overview.chapter(run_data), *sets]
    progress.note("report: pictures and page")
    files = page.write(
        run,
        page.Page(
            f"LeNet-5 for fields, run {run.path.name}",
            [*field_overview.sentences(run_data), *_privacy(by_set)],
            _facts(run_data, network),
            field_overview.WORDS,
            chapters,
            "the run's records and weights, and from a field that was drawn by code",
        ),
    )
    return run.record(
        "report",
        files,
        task="field",
        pictures=sorted(by_set),
        network=network.numbers,
        sets={chapter.title: chapter.numbers for chapter in sets},
    )


def _sets(run_data: FieldRunData, by_set: dict[str, Labeled]) -> list[Chapter]:
    chapters = []
    for number, entry in enumerate(run_data.sets, 1):
        name = f"set-{number}"
        measures = next(iter(entry.families.values()))
        notes = [_difference(entry.difference)]
        if entry.trained_on:
            notes.append("The network was trained on these very fields: what counts is the cross-validation.")
        worst = worst_fields.blocks(name, measures.worst, by_set.get(entry.name), run_data.run)
        chapters.append(field_set.chapter(run_data.run, name, entry.name, entry.families, notes, worst))
    if run_data.cross_validated is not None:
        title = f"{run_data.cross_validated.data['name']}, cross-validated"
        notes = ["Each field was read by a network that was trained on others."]
        families = {spec.FIELD.model: run_data.cross_validated}
        chapters.append(field_set.chapter(run_data.run, "cross-validated", title, families, notes))
    return chapters


def _difference(difference: float) -> str:
    if not difference:
        return "8 bits read as many exactly."
    return f"8 bits read {100 * abs(difference):.2f} points {'more' if difference > 0 else 'fewer'}."


def _privacy(by_set: dict[str, Labeled]) -> list[str]:
    if not by_set:
        return []
    return [f"It shows pictures and labels of {', '.join(sorted(by_set))}: keep it as private as these are."]


def _facts(run_data: FieldRunData, network: Chapter) -> list[tuple[str, str]]:
    train = run_data.train
    machine = train.environment.machine
    own = train.data.get("own")
    return [
        ("trained on", f"{train.data['name']}" + (f", then {own['n']:,} of {own['name']}" if own else "")),
        ("parameters", f"{network.numbers['parameters']:,}"),
        ("symbols", run_data.alphabet.symbols),
        ("preset and seed", f"{train.preset or 'own'}, {train.config['seed']}"),
        ("TensorFlow", train.environment.packages["tensorflow"]),
        ("machine", f"{machine.cpu}, {machine.cores} cores"),
    ]


def summary(record: dict[str, Any], run: Run) -> str:
    """Formats the record in a line for the screen."""
    sets = ", ".join(record["sets"]) or f"no set: `{run.command('evaluate')} --data FOLDER` measures one"
    return f"{run / page.FOLDER / page.PAGE}: {sets}"

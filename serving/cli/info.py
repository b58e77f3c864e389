"""`checkreader info`: lists the released models."""

from __future__ import annotations

import argparse

import msgspec

from serving.manifest import READING, Model
from serving.repository.store import Repository
from serving.table import format_table


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints each model with its accuracy, thresholds and files.

    Raises:
        CheckreaderError: there are no models.
    """
    repository = Repository.open(options.models)
    manifest = repository.manifest
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode())
        return 0
    print(f"release {manifest.release} in {repository.folder}")
    for name, model in manifest.models.items():
        print(f"\n{name} version {model.version}" + (" (default)" if name == manifest.default else ""))
        _print_model(model)
    return 0


def _print_model(model: Model) -> None:
    if model.description:
        print(f"  {model.description}")
    if model.accuracy:
        accuracy = model.accuracy
        print(
            f"  accuracy {accuracy.value:.2%} (95 % interval {accuracy.low:.2%} to {accuracy.high:.2%}, "
            f"n = {accuracy.n:,}, {accuracy.data})"
        )
    if model.task in READING and not model.thresholds:
        print("  no error bound is certified: every picture is read, none is accepted")
    for entry in model.thresholds:
        print(
            f"  max_error {entry.max_error}: accepted from confidence {entry.threshold:.6g}, "
            f"which is {entry.accepted:.1%} of n = {entry.n:,}, {entry.error:.2%} of them wrong"
        )
    if model.thresholds and model.least_evidence is not None:
        print(f"  and with evidence of at least {model.least_evidence:.2f}")
    rows = [(f"  {artifact.format}", f"{artifact.bytes:,}", artifact.path) for artifact in model.artifacts]
    print(format_table(("  format", "bytes", "file"), rows, right=False))

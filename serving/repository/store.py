"""Finds the models folder, checks its files and loads models from it.

    >>> from serving.repository.store import Repository
    >>> model = Repository.open().load("lenet5")
    >>> model.network.infer(tensor(pixels)).argmax(1)

No file is used before its SHA-256 agrees with the manifest, and no model
before it has given the golden set's answers on this very machine.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

import msgspec
import numpy as np

from serving.errors import CheckreaderError
from serving.extras import install_command
from serving.images import sliding_window
from serving.images.codec import Gray, decode
from serving.images.digit import normalize, tensor
from serving.images.field import Field, normalize_field
from serving.images.micr_line import normalize_micr_line
from serving.manifest import (
    NAME,
    READING,
    Golden,
    GoldenCheck,
    GoldenChecks,
    GoldenDigit,
    GoldenDigits,
    GoldenField,
    GoldenFields,
    Manifest,
    Model,
)
from serving.manifest import decode as decode_manifest
from serving.repository import golden
from serving.repository.golden import LoadedModel
from serving.runtime.network import Floats

T = TypeVar("T")

_log = logging.getLogger("checkreader")

# The manifest's runtimes, each with its package and the module that loads by it, the preferred one first.
RUNTIMES: Final = {
    "onnxruntime": ("onnxruntime", "serving.runtime.onnx"),
    "litert": ("ai_edge_litert", "serving.runtime.litert"),
}


@dataclass(frozen=True)
class Repository:
    """A folder with a manifest; make one by `Repository.open`."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: str | Path | None = None) -> Repository:
        """Opens the repository in `folder`, else where `find` finds it.

        Raises:
            CheckreaderError: no manifest there, or a garbled one.
        """
        root = find(folder)
        path = root / NAME
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise CheckreaderError(
                f"no models in {root}: no {NAME}; name their folder by --models or $CHECKREADER_MODELS"
            ) from None
        return cls(root, decode_manifest(content, str(path)))

    def model(self, name: str) -> Model:
        """Returns the manifest's entry for a model; raises CheckreaderError if there is none of that name."""
        try:
            return self.manifest.models[name]
        except KeyError:
            raise CheckreaderError(
                f"unknown model {name!r}: {self.folder} has {', '.join(self.manifest.models)}"
            ) from None

    def first(self, task: str, objects: str) -> str:
        """Returns the name of the manifest's first model of a task.

        Args:
            task: of the model.
            objects: what such a model reads, for the message.

        Raises:
            CheckreaderError: there is none.
        """
        for name, model in self.manifest.models.items():
            if model.task == task:
                return name
        raise CheckreaderError(
            f"no model reads {objects}: {self.folder} has {', '.join(self.manifest.models)}; "
            "name the folder of a release that has one by --models or $CHECKREADER_MODELS"
        )

    def read(self, path: str, sha256: str) -> bytes:
        """Reads a file of the repository and checks its hash.

        Raises:
            CheckreaderError: it is missing, or not the file that was released.
        """
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts:
            raise CheckreaderError(f"{NAME}: {path!r} leads out of the models folder")
        file = self.folder / relative
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            raise CheckreaderError(
                f"{file} is missing: restore it from release {self.manifest.release}"
            ) from None
        digest = hashlib.sha256(content).hexdigest()
        if digest != sha256:
            raise CheckreaderError(
                f"{file} is not the file that was released: its SHA-256 is {digest}, "
                f"{NAME} says {sha256}; restore it from release {self.manifest.release}"
            )
        return content

    def load(
        self,
        name: str,
        runtime: str = "auto",
        threads: int | None = None,
        device: str = "cpu",
        tf32: bool = False,
        entry: Model | None = None,
    ) -> LoadedModel:
        """Loads a model, warms it up and checks it against the golden set.

        Args:
            name: one of the manifest's models.
            runtime: a key of `RUNTIMES`, or "auto": the first that is installed.
            threads: None = one for each CPU that this process may use.
            device: on which ONNX Runtime computes, see `serving.runtime.onnx.load`.
            tf32: see there.
            entry: which of its versions; None = the one that the manifest names first.

        Raises:
            CheckreaderError: there is no such model, file or runtime, the file's hash differs, the
                runtime refuses it, or it does not compute what the release computed.
        """
        model = self.model(name) if entry is None else entry
        runtime = _installed() if runtime == "auto" else runtime
        artifact = next((artifact for artifact in model.artifacts if artifact.runtime == runtime), None)
        if artifact is None:
            raise CheckreaderError(f"model {name!r} has no file for {runtime}")
        package, loader = RUNTIMES[runtime]
        if importlib.util.find_spec(package) is None:
            extra = "edge" if runtime == "litert" else "serve"
            raise CheckreaderError(f"{runtime} is not installed: {install_command(extra)}")
        module = importlib.import_module(loader)
        content = self.read(artifact.path, artifact.sha256)
        try:
            options = {"device": device, "tf32": tf32} if runtime == "onnxruntime" else {}
            loaded = LoadedModel(name, model, artifact, module.load(content, threads, **options))
        except CheckreaderError as error:
            raise CheckreaderError(f"{self.folder / artifact.path}: {error}") from None
        if model.task == "field":  # checked first: the warm-up needs its sliding
            golden.check_fields(
                loaded, self._fields(model.golden) if model.golden is not None else self.golden_fields
            )
        if model.task == "micr":
            golden.check_fields(
                loaded, self._lines(model.golden) if model.golden is not None else self.golden_lines
            )
        if model.task == "check":
            golden.check_boxes(loaded, self.golden_checks)
        self._warm(loaded)
        if model.task == "digit":
            golden.check_digits(
                loaded, *(self._digits(model.golden) if model.golden is not None else self.golden)
            )
        if model.task in READING and not model.thresholds:
            _log.warning("%s", uncertified_line([f"{name} version {model.version}"]))
        return loaded

    def _warm(self, loaded: LoadedModel) -> None:
        """Runs the model once on an empty picture: the first run is slow."""
        sliding = loaded.model.sliding
        width = 1 if sliding is None else sliding_window.padded_width(1, sliding)
        shape = [1, *(width if side < 0 else side for side in loaded.model.input.shape[1:])]
        loaded.network.run(np.zeros(shape, np.float32))

    @functools.cached_property
    def golden(self) -> tuple[list[GoldenDigit], Floats]:
        """The golden digits and their tensor, float32 [N, 28, 28, 1]."""
        return self._digits(self._named("digits"))

    @functools.cached_property
    def golden_fields(self) -> list[tuple[GoldenField, Field]]:
        """The golden fields, each with its normalized picture."""
        return self._fields(self._named("fields"))

    @functools.cached_property
    def golden_lines(self) -> list[tuple[GoldenField, Field]]:
        """The golden MICR lines, each with its normalized picture."""
        return self._lines(self._named("lines"))

    @functools.cached_property
    def golden_checks(self) -> list[tuple[GoldenCheck, Gray]]:
        """The golden thumbnails of checks, uint8 [128, 288], 255 = ink."""
        folder, content = self._golden(self._named("checks"), GoldenChecks)
        return [
            (check, decode(self.read(str(folder / check.file), check.sha256))) for check in content.checks
        ]

    def _named(self, kind: str) -> Golden:
        entry = self.manifest.golden.get(kind)
        if entry is None:
            raise CheckreaderError(f"{self.folder / NAME}: names no golden {kind} to check models against")
        return entry

    def _digits(self, entry: Golden) -> tuple[list[GoldenDigit], Floats]:
        folder, content = self._golden(entry, GoldenDigits)
        digits = content.digits
        pictures = [decode(self.read(str(folder / digit.file), digit.sha256)) for digit in digits]
        return digits, tensor(np.stack([normalize(picture) for picture in pictures]))

    def _fields(self, entry: Golden) -> list[tuple[GoldenField, Field]]:
        return self._normalized(entry, normalize_field)

    def _lines(self, entry: Golden) -> list[tuple[GoldenField, Field]]:
        return self._normalized(entry, normalize_micr_line)

    def _normalized(
        self, entry: Golden, normalize: Callable[[Gray], Field]
    ) -> list[tuple[GoldenField, Field]]:
        folder, content = self._golden(entry, GoldenFields)
        return [
            (field, normalize(decode(self.read(str(folder / field.file), field.sha256))))
            for field in content.fields
        ]

    def _golden(self, entry: Golden, type: type[T]) -> tuple[PurePosixPath, T]:
        """Reads a golden set; returns the folder of its pictures and its content."""
        encoded = self.read(entry.path, entry.sha256)
        try:
            content = msgspec.json.decode(encoded, type=type)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CheckreaderError(f"{self.folder / entry.path}: not a golden set ({error})") from None
        return PurePosixPath(entry.path).parent, content


def find(folder: str | Path | None = None) -> Path:
    """Finds the models folder: the argument, else $CHECKREADER_MODELS, else the one that was installed
    with this package, else `models/` of the checkout."""
    named = folder or os.environ.get("CHECKREADER_MODELS")
    if named:
        return Path(named)
    here = Path(__file__).resolve().parents[1]
    installed = here / "models"
    return installed if installed.is_dir() else here.parent / "models"


def uncertified_line(names: Sequence[str]) -> str:
    """Says of models without certified error bounds what that means."""
    return f"{', '.join(names)}: no error bound is certified: every picture is read, none is accepted"


def _installed() -> str:
    """Returns the first runtime whose package is installed."""
    for runtime, (package, _) in RUNTIMES.items():
        if importlib.util.find_spec(package) is not None:
            return runtime
    raise CheckreaderError(
        f"no runtime is installed: {install_command('serve')}; on a small board [edge] instead of [serve]"
    )

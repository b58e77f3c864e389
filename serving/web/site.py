"""The page for people at `/`: draw a digit or drop a picture, and see what is read and how.

Its files lie beside this one and load nothing from elsewhere. They are compressed once; a browser that has
them asks by their tag whether they are still the same.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from serving import __version__
from serving.decoding.thresholds import MAX_ERROR
from serving.engine.dataplane import DataPlane
from serving.errors import CheckreaderError, Unknown
from serving.http.asgi import JSON, Handler, Reply, Request, chosen
from serving.manifest import Artifact, GoldenDigit, GoldenField, Model, Threshold
from serving.protocol import pictures
from serving.recognition import digits
from serving.repository.store import Repository

FEATURES: Final = "lenet5-features"
_FOLDER: Final = Path(__file__).parent / "static"
_MEDIA: Final = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".png": b"image/png",
    ".wasm": b"application/wasm",
}
# The page needs its own files and this service, and nobody may frame it or send its forms away.
_POLICY: Final = (
    b"default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
    b"object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"accept-encoding"),
)
_log = logging.getLogger("checkreader")


class Reader(msgspec.Struct, frozen=True):
    """A model that reads pictures, and what it may accept."""

    model: str
    version: str
    thresholds: list[Threshold]


class Expected(msgspec.Struct, frozen=True):
    """A golden picture and the ten probabilities that the module's integers stand for."""

    file: str
    probabilities: list[float]


class Module(msgspec.Struct, frozen=True):
    """A digit's model in WebAssembly; it accepts for `max_error` alone."""

    model: str
    version: str
    path: str
    bytes: int
    max_error: float
    golden: list[Expected]


class Sample(msgspec.Struct, frozen=True):
    """A golden picture at `/web/golden/FILE`, and what is written there."""

    file: str
    text: str


class Models(msgspec.Struct, frozen=True):
    """What the page asks first. `no_browser` says why there is no module; `max_body` is in bytes."""

    version: str
    max_body: int
    digit: Reader | None
    field: Reader | None
    features: str | None
    browser: Module | None
    no_browser: str | None
    digits: list[Sample]
    fields: list[Sample]


@dataclass(frozen=True)
class File:
    """A file as it is sent: its bytes, and gzipped ones where that spares a tenth."""

    media: bytes
    body: bytes
    packed: bytes | None
    tag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> File:
        packed = gzip.compress(body, 9, mtime=0)
        tag = hashlib.sha256(body).hexdigest()[:32]
        return cls(_MEDIA[Path(name).suffix], body, packed if len(packed) < 0.9 * len(body) else None, tag)

    def reply(self, request: Request) -> Reply:
        """The file, gzipped where the client takes that; nothing but 304 if it has it."""
        accepted = request.header(b"accept-encoding") or ""
        packed = self.packed if chosen(accepted, ("gzip",)) else None
        tag = (
            f'"{self.tag}"' if packed is None else f'"{self.tag}-gzip"'
        )  # as a strong tag must tell them apart
        headers: tuple[tuple[bytes, bytes], ...] = (*_HEADERS, (b"etag", tag.encode()))
        known = [
            one.strip().removeprefix("W/") for one in (request.header(b"if-none-match") or "").split(",")
        ]
        if tag in known or "*" in known:
            return Reply(b"", self.media, 304, headers)
        if packed is not None:
            headers += ((b"content-encoding", b"gzip"),)
        return Reply(self.body if packed is None else packed, self.media, headers=headers, plain=True)


class Site:
    """The page's operations.

    Args:
        plane: the served models.
        repository: where they are from, with the golden pictures and the WebAssembly.
    """

    def __init__(self, plane: DataPlane, repository: Repository) -> None:
        self._plane = plane
        self._files = {
            file.name: File.of(file.name, file.read_bytes())
            for file in sorted(_FOLDER.iterdir())
            if file.suffix in _MEDIA and file.name != "docs.html"
        }
        self.use(repository)

    def use(self, repository: Repository) -> None:
        """Shows the samples and the WebAssembly of another release from now on."""
        found = _digits(repository)
        self._samples = [Sample(one.file, str(one.digit)) for one in found]
        fields = _fields(repository)
        self._field_samples = [Sample(one.file, one.text) for one in fields]
        self._golden = _pictures(repository, "digits", found) | _pictures(repository, "fields", fields)
        self._module, self._code, self._missing = _module(repository, found)

    def operations(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each."""
        return [
            ("GET", "/", self.page),
            ("GET", "/web/models.json", self.models),
            ("POST", "/web/normalized", self.normalized),
            ("GET", "/web/{name}", self.file),
            ("GET", "/web/golden/{name}", self.golden),
        ]

    async def page(self, request: Request) -> Reply:
        return self._files["index.html"].reply(request)

    async def file(self, request: Request) -> Reply:
        name = request.parameters["name"]
        if self._module is not None and self._code is not None and self._module.path == f"/web/{name}":
            return self._code.reply(request)
        if name.endswith(".wasm") and self._missing is not None:
            raise Unknown(f"{name} is not served: {self._missing}")
        return _found(self._files, name).reply(request)

    async def golden(self, request: Request) -> Reply:
        return _found(self._golden, request.parameters["name"]).reply(request)

    async def models(self, request: Request) -> Reply:
        served = self._plane.models
        readers = [Reader(one.name, one.version, one.loaded.model.thresholds) for one in served.values()]
        tasks = [one.loaded.model.task for one in served.values()]
        fields = [reader for reader, task in zip(readers, tasks, strict=True) if task == "field"]
        reading = [reader for reader, task in zip(readers, tasks, strict=True) if task == "digit"]
        default = [reader for reader in reading if reader.model == self._plane.default]
        found = Models(
            version=__version__,
            max_body=self._plane.settings.max_body,
            digit=default[0] if default else None,
            field=fields[0] if fields else None,
            features=FEATURES if FEATURES in served else None,
            browser=self._module,
            no_browser=self._missing,
            digits=self._samples,
            fields=self._field_samples,
        )
        return Reply(msgspec.json.encode(found), JSON, headers=((b"cache-control", b"no-store"),))

    async def normalized(self, request: Request) -> Reply:
        """What the networks for digits see of the posted pictures: uint8 [N, 28, 28], 255 = ink."""
        query = pictures.query(request.items(), ("crop",))
        settings = self._plane.settings
        body = await request.body(settings.max_body)
        posted = pictures.pictures(request.header(b"content-type"), body, settings.max_pictures)
        pixels = await request.unless_gone(
            self._plane.offload(lambda: digits.normalize_pictures(posted, query.crop))
        )
        return Reply(pixels.tobytes(), b"application/octet-stream")


def _found(files: dict[str, File], name: str) -> File:
    file = files.get(name)
    if file is None:
        raise Unknown(f"there is no file {name!r} for the page, which is at /")
    return file


def _digits(repository: Repository) -> list[GoldenDigit]:
    return repository.golden[0] if "digits" in repository.manifest.golden else []


def _fields(repository: Repository) -> list[GoldenField]:
    if "fields" not in repository.manifest.golden:
        return []
    return [golden for golden, _ in repository.golden_fields]


def _pictures(
    repository: Repository, kind: str, golden: Iterable[GoldenDigit | GoldenField]
) -> dict[str, File]:
    if kind not in repository.manifest.golden:
        return {}
    beside = PurePosixPath(repository.manifest.golden[kind].path).parent
    return {
        one.file: File.of(one.file, repository.read(str(beside / one.file), one.sha256)) for one in golden
    }


def _module(
    repository: Repository, golden: Iterable[GoldenDigit]
) -> tuple[Module | None, File | None, str | None]:
    """The first digit's model in WebAssembly with its code, or else why there is none."""
    for name, model in repository.manifest.models.items():
        artifact = next((one for one in model.artifacts if one.runtime == "wasm"), None)
        if model.task == "digit" and artifact is not None:
            try:
                code = File.of("module.wasm", repository.read(artifact.path, artifact.sha256))
            except CheckreaderError as error:  # everything else can do without it
                _log.warning("%s; the page reads on the server alone", error)
                return None, None, f"the file of {name} on this server is not the one that was released"
            return _described(name, model, artifact, golden), code, None
    return None, None, "this release has no model in WebAssembly"


def _described(name: str, model: Model, artifact: Artifact, golden: Iterable[GoldenDigit]) -> Module:
    expected = []
    for one in golden:
        formats = one.expected.get(name, {})
        integers = [kind for kind in (artifact.format, "tflite_int8", "onnx_int8") if kind in formats]
        if integers:
            expected.append(Expected(one.file, formats[integers[0]]))
    return Module(name, model.version, f"/web/{name}.wasm", artifact.bytes, MAX_ERROR, expected[:2])

"""The page for people at `/`: draw a digit or drop pictures, of whole checks too, and see what is read and how.

Its files lie in `static/` and load nothing from elsewhere. They are compressed once; a browser that has a file
already asks by its ETag whether it is still the same.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from serving.decoding.thresholds import operating_point
from serving.engine.dataplane import DataPlane
from serving.errors import CheckreaderError, Unknown
from serving.http.asgi import JSON, Handler, HttpRequest, HttpResponse, negotiate_encoding
from serving.images.pages import split
from serving.manifest import Artifact, GoldenDigit, GoldenField, Model
from serving.protocol import pictures
from serving.recognition import digits
from serving.repository.store import Repository
from serving.web.page_models import GoldenProbabilities, GoldenSample, PageModels, WasmFile, WasmModule

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
_RELATIVE: Final = re.compile(rb'((?:href|src)=")(?=web/|docs")')
_log = logging.getLogger("checkreader")


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent.

    Attributes:
        media: its Content-Type.
        body: its bytes.
        gzipped: its bytes compressed, where that saves a tenth.
        tag: its ETag without quotes.
    """

    media: bytes
    body: bytes
    gzipped: bytes | None
    tag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> StaticFile:
        """Compresses a file; its suffix must be one that the page uses."""
        gzipped = gzip.compress(body, 9, mtime=0)
        tag = hashlib.sha256(body).hexdigest()[:32]
        return cls(_MEDIA[Path(name).suffix], body, gzipped if len(gzipped) < 0.9 * len(body) else None, tag)

    def response(self, request: HttpRequest) -> HttpResponse:
        """Returns the file, gzipped where the client accepts that, or 304 if the client has it already."""
        accept_encoding = request.header(b"accept-encoding") or ""
        gzipped = self.gzipped if negotiate_encoding(accept_encoding, ("gzip",)) else None
        # A strong tag must tell the two representations apart.
        tag = f'"{self.tag}"' if gzipped is None else f'"{self.tag}-gzip"'
        headers: tuple[tuple[bytes, bytes], ...] = (*_HEADERS, (b"etag", tag.encode()))
        if_none_match = (request.header(b"if-none-match") or "").split(",")
        cached_tags = [cached.strip().removeprefix("W/") for cached in if_none_match]
        if tag in cached_tags or "*" in cached_tags:
            return HttpResponse(b"", self.media, 304, headers)
        if gzipped is None:
            return HttpResponse(self.body, self.media, headers=headers, plain=True)
        headers += ((b"content-encoding", b"gzip"),)
        return HttpResponse(gzipped, self.media, headers=headers, plain=True)


class Site:
    """The handlers of the page, its files and its samples.

    Args:
        plane: the served models.
        repository: the release they are from, with the golden pictures and the WebAssembly.
    """

    def __init__(self, plane: DataPlane, repository: Repository) -> None:
        self._plane = plane
        self._files = {
            file.name: StaticFile.of(file.name, file.read_bytes())
            for file in sorted(_FOLDER.iterdir())
            if file.suffix in _MEDIA and file.name != "docs.html"
        }
        if root_path := plane.settings.root_path:  # which may be asked for without the slash at its end
            page = _RELATIVE.sub(rb"\1%s/" % root_path.encode(), (_FOLDER / "index.html").read_bytes())
            self._files["index.html"] = StaticFile.of("index.html", page)
        self.show_release(repository)

    def show_release(self, repository: Repository) -> None:
        """Serves the samples and the WebAssembly of this release from now on."""
        golden: dict[str, Sequence[GoldenDigit | GoldenField]] = {
            "digits": _golden_digits(repository),
            "fields": _golden_fields(repository),
            "lines": _golden_lines(repository),
        }
        self._samples = {kind: [_sample(entry) for entry in entries] for kind, entries in golden.items()}
        self._golden_files = {
            name: file
            for kind, entries in golden.items()
            for name, file in _golden_files(repository, kind, entries).items()
        }
        self._module, self._module_files, self._no_module = _wasm_module(repository, _golden_digits(repository))

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Returns method, path and handler of each operation."""
        return [
            ("GET", "/", self.page),
            ("GET", "/web/models.json", self.models),
            ("POST", "/web/normalized", self.normalized),
            ("GET", "/web/{name}", self.file),
            ("GET", "/web/golden/{name}", self.golden),
        ]

    async def page(self, request: HttpRequest) -> HttpResponse:
        return self._files["index.html"].response(request)

    async def file(self, request: HttpRequest) -> HttpResponse:
        name = request.path_parameters["name"]
        if name in self._module_files:
            return self._module_files[name].response(request)
        if name.endswith(".wasm") and self._no_module is not None:
            raise Unknown(f"{name} is not served: {self._no_module}")
        return _find(self._files, name).response(request)

    async def golden(self, request: HttpRequest) -> HttpResponse:
        return _find(self._golden_files, request.path_parameters["name"]).response(request)

    async def models(self, request: HttpRequest) -> HttpResponse:
        content = PageModels.of(self._plane, self._module, self._no_module, self._samples)
        return HttpResponse(msgspec.json.encode(content), JSON, headers=((b"cache-control", b"no-store"),))

    async def normalized(self, request: HttpRequest) -> HttpResponse:
        """Returns the pages of the posted pictures as the digit networks see them: uint8 [N, 28, 28], 255 = ink."""
        query = pictures.parse_query(request.query_parameters(), ("crop", "page"))
        settings = self._plane.settings
        body = await request.body(settings.max_body)
        posted = pictures.parse_body(request.header(b"content-type"), body, settings.max_pictures)

        def normalize() -> bytes:
            pages = posted if query.page is None else [split(picture).page(query.page) for picture in posted]
            return digits.normalize_pictures(pages, query.crop, self._plane.page_limit).pixels.tobytes()

        pixels = await request.cancel_on_disconnect(self._plane.offload(normalize))
        return HttpResponse(pixels, b"application/octet-stream")


def _find(files: dict[str, StaticFile], name: str) -> StaticFile:
    file = files.get(name)
    if file is None:
        raise Unknown(f"there is no file {name!r} for the page, which is at /")
    return file


def _golden_digits(repository: Repository) -> list[GoldenDigit]:
    return repository.golden[0] if "digits" in repository.manifest.golden else []


def _golden_fields(repository: Repository) -> list[GoldenField]:
    if "fields" not in repository.manifest.golden:
        return []
    return [golden for golden, _ in repository.golden_fields]


def _golden_lines(repository: Repository) -> list[GoldenField]:
    if "lines" not in repository.manifest.golden:
        return []
    return [golden for golden, _ in repository.golden_lines]


def _sample(golden: GoldenDigit | GoldenField) -> GoldenSample:
    return GoldenSample(golden.file, str(golden.digit) if isinstance(golden, GoldenDigit) else golden.text)


def _golden_files(
    repository: Repository, kind: str, entries: Iterable[GoldenDigit | GoldenField]
) -> dict[str, StaticFile]:
    if kind not in repository.manifest.golden:
        return {}
    folder = PurePosixPath(repository.manifest.golden[kind].path).parent
    return {
        golden.file: StaticFile.of(golden.file, repository.read(str(folder / golden.file), golden.sha256))
        for golden in entries
    }


def _wasm_module(
    repository: Repository, entries: Iterable[GoldenDigit]
) -> tuple[WasmModule | None, dict[str, StaticFile], str | None]:
    """Returns the first digit model in WebAssembly with its files by name, or else the reason why there is none."""
    for name, model in repository.manifest.models.items():
        artifacts = {artifact.format: artifact for artifact in model.artifacts if artifact.runtime == "wasm"}
        if model.task == "digit" and "wasm" in artifacts:
            try:
                files = {
                    _file_name(artifact): StaticFile.of(
                        artifact.path, repository.read(artifact.path, artifact.sha256)
                    )
                    for artifact in artifacts.values()
                }
            except CheckreaderError as error:  # everything else can do without it
                _log.warning("%s; the page reads on the server alone", error)
                return None, {}, f"the file of {name} on this server is not the one that was released"
            return _describe_module(name, model, artifacts, entries), files, None
    return None, {}, "this release has no model in WebAssembly"


def _file_name(artifact: Artifact) -> str:
    return PurePosixPath(artifact.path).name


def _describe_module(
    name: str, model: Model, artifacts: dict[str, Artifact], entries: Iterable[GoldenDigit]
) -> WasmModule:
    files = {
        kind: WasmFile(f"/web/{_file_name(artifact)}", artifact.bytes) for kind, artifact in artifacts.items()
    }
    expected = []
    for golden in entries:
        formats = golden.expected.get(name, {})
        integer_formats = [kind for kind in ("wasm", "tflite_int8", "onnx_int8") if kind in formats]
        if integer_formats:
            expected.append(GoldenProbabilities(golden.file, formats[integer_formats[0]]))
    return WasmModule(
        name,
        model.version,
        files["wasm"],
        files.get("wasm_simd"),
        model.thresholds,
        operating_point(model.thresholds).applied_max_error,
        expected[:2],
    )

"""Settings of the service, each with its option of `checkreader serve`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from serving.arguments import number, positive
from serving.errors import Forbidden

API_KEYS_VARIABLE: Final = "CHECKREADER_API_KEYS"
_ROOT_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_ORIGIN: Final = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def _option(help: str, default: Any = None, convert: Callable[[str], Any] = str, **keywords: Any) -> Any:
    """Declares a setting that has a command-line option.

    Args:
        help: the option's help.
        default: the default; a string is converted as if a user typed it.
        convert: converts what a user types to the setting's value.
        keywords: further arguments of `add_argument`; `flag` if the option has another name than the field.
    """
    if keywords.get("action") in (None, _Append):
        keywords["type"] = convert
    metadata = {"help": help, "default": default} | keywords
    return dataclasses.field(
        default=convert(default) if isinstance(default, str) else default, metadata=metadata
    )


_PORT = number(int, lambda port: 0 <= port <= 65535, "a port, 0 to 65535")
_MICROSECONDS = number(int, lambda duration: 0 <= duration <= 1_000_000, "microseconds, 0 to 1000000")


def _mebibytes(text: str) -> int:
    return positive(text) * 2**20


def _seconds(text: str) -> float:
    return _MICROSECONDS(text) / 1e6


def _folder(text: str) -> Path | None:
    return Path(text) if text else None


def _root_path(text: str) -> str:
    path = text.rstrip("/")
    if not _ROOT_PATH.fullmatch(path):
        raise argparse.ArgumentTypeError(f"expected a path as /checkreader, got {text!r}")
    return path


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip().lower() for origin in text.split(","))
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise argparse.ArgumentTypeError(
                f"expected an origin as https://shop.example or http://localhost:3000, or *, got {origin!r}"
            )
    return origins


class _Append(argparse.Action):
    """Appends one value or several to a tuple, where argparse's own action would make a list."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        values = values if isinstance(values, tuple) else (values,)
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), *values))


@dataclass(frozen=True)
class Settings:
    """Settings of the service; those with an `_option` can be set on the command line."""

    # None: see repository.store.find
    models: Path | None = _option(
        "models folder; default: $CHECKREADER_MODELS, else the released ones", convert=_folder, metavar="DIR"
    )
    host: str = _option(
        "address to listen on (%(default)s; 0.0.0.0 = all of IPv4, :: = of IPv6 too)", "127.0.0.1"
    )
    port: int = _option("port to listen on (%(default)s; 0 = any free one)", "8000", _PORT)
    grpc_port: int | None = _option(
        "also speak gRPC on this port (default: no gRPC)", convert=_PORT, metavar="PORT"
    )
    workers: int = _option("processes that share the port (%(default)s)", "1", positive, metavar="N")
    api_keys: Path | None = _option(
        "keys, one in each line, of which a request must have one as Authorization: Bearer KEY; "
        "default: $CHECKREADER_API_KEYS, else everybody may ask",
        convert=Path,
        metavar="FILE",
    )
    # With a certificate goes its key; see server.serve.check_tls
    tls_cert: Path | None = _option("certificate chain in PEM: HTTPS", convert=Path, metavar="FILE")
    tls_key: Path | None = _option("its key, in PEM and not encrypted", convert=Path, metavar="FILE")
    # As browsers write them in the header Origin; none = pages of other sites get nothing
    cors_origins: tuple[str, ...] = _option(
        "let pages from there ask the service, as https://shop.example, or * for any; may be repeated, or "
        "separated by commas",
        (),
        _origins,
        flag="--cors-origin",
        action=_Append,
        metavar="ORIGIN",
    )
    # Begins with a slash and does not end with one, or is empty
    root_path: str = _option(
        "the path under which a proxy shows the service, as /checkreader, whether the proxy strips it or not",
        "",
        _root_path,
        metavar="PATH",
    )
    access_log: Literal["off", "requests", "readings"] = _option(
        "a line of JSON for each request on standard output; with 'readings' also what was read (%(default)s)",
        "off",
        choices=("off", "requests", "readings"),
        nargs="?",
        const="requests",
    )
    max_requests: int = _option(
        "requests under way at a time in each worker; more are refused with 503 (%(default)s)",
        "1024",
        positive,
        metavar="N",
    )
    # In bytes; a photograph of 50 megapixels fits as JPEG.
    max_body: int = _option(
        "largest request, in MiB as sent and decompressed; more is refused with 413 (%(default)s)",
        "16",
        _mebibytes,
        metavar="MIB",
    )
    # Names of the models to serve; none = all
    only: tuple[str, ...] = _option(
        "serve only this one; may be repeated", (), flag="--model", action=_Append, metavar="NAME"
    )
    # "auto" or a key of runtime.onnx.DEVICES
    device: str = _option(
        "what computes (auto: CUDA if it works, else the CPU)",
        "auto",
        choices=("auto", "cpu", "cuda", "tensorrt"),
    )
    # TF32 rounds float32 products to 10 bits.
    tf32: bool = _option("on a GPU, round products to TF32: faster, less exact", False, action="store_true")
    # `benchmarks/results/batching/` has the measurements that this and the next default come from.
    batch_rows: int = _option("rows that share a batch (%(default)s)", "256", positive, metavar="N")
    # In s
    batch_delay: float = _option(
        "microseconds to wait for others while requests come together (%(default)s); "
        "a lone client's requests never wait",
        "0",
        _seconds,
        metavar="US",
    )
    max_rows: int = 4096  # pictures in one inference request; as JSON each takes 25 kB of memory
    # Pages of the encoded pictures in one request; each may cost the decoding of a large picture
    max_pictures: int = 100
    queue_rows: int = 8192  # two of the largest requests
    queue_timeout: float = 10.0  # s

    def require_control(self) -> None:
        """Allows loading and unloading by request only with API keys or on this machine alone.

        Raises:
            Forbidden: the service listens beyond this machine and has no keys.
        """
        if self.api_keys is None and API_KEYS_VARIABLE not in os.environ and self.host not in _LOOPBACK:
            raise Forbidden("load and unload need --api-keys where the service listens beyond this machine")


def option_names() -> list[str]:
    """Returns the names of the settings that have an option, in the order of `Settings`."""
    return [field.name for field in dataclasses.fields(Settings) if field.metadata]


def add_option(command: argparse.ArgumentParser, name: str) -> None:
    """Adds a setting's option to a command.

    Args:
        command: the command's parser.
        name: the name of the setting, one of `option_names()`.
    """
    keywords = dict(Settings.__dataclass_fields__[name].metadata)
    flag = keywords.pop("flag", "--" + name.replace("_", "-"))
    command.add_argument(flag, dest=name, **keywords)


def from_options(options: argparse.Namespace) -> Settings:
    """Builds the settings from a parsed command line."""
    return Settings(**{name: getattr(options, name) for name in option_names()})


def format_address(host: str, port: int) -> str:
    """Formats `host:port`; an IPv6 address goes in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

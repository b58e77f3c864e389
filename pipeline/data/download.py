"""Downloads a file once, resumes after an interrupt, and checks its SHA-256.

The bytes grow in `FILE.part`, which a later call continues; only a file whose
SHA-256 is right gets the final name. A network that refuses, or does not answer
within five seconds, is reported in one line.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from pathlib import Path
from typing import Final

import requests
from tqdm import tqdm

from serving.errors import CheckreaderError, naming

PATIENCE: Final = 5.0  # seconds


def fetch(url: str, path: Path, sha256: str) -> Path:
    """Downloads `url` to `path`, resuming `path.part` where there is one.

    Raises:
        CheckreaderError: no answer in time, an error from the server, or other bytes than expected.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    start = part.stat().st_size if part.exists() else 0
    try:
        with naming(path, part), _open(url, start) as response:
            if response.status_code == 416:  # the part is complete, or longer than the file
                start = 0 if _digest(part) != sha256 else start
            elif response.status_code in (200, 206):
                start = start if response.status_code == 206 else 0
                _append(response, part, start)
            else:
                raise CheckreaderError(f"{url}: the server answered {response.status_code} {response.reason}")
    except requests.RequestException as error:
        raise CheckreaderError(
            f"{url}: {_reason(error)}: check the network and try again, or put the files into a folder "
            "and name it with --data-dir"
        ) from None
    if _digest(part) != sha256:
        part.unlink()
        raise CheckreaderError(f"{url}: other bytes than expected (SHA-256): try again, or use --data-dir")
    return part.replace(path)


def _open(url: str, start: int) -> requests.Response:
    """Returns the response's head, or raises an error within `PATIENCE`, name lookup included."""
    outcome: list[requests.Response | Exception] = []

    def request() -> None:
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            outcome.append(requests.get(url, headers=headers, stream=True, timeout=PATIENCE))
        except Exception as error:  # handed to the waiting caller
            outcome.append(error)

    # requests bounds each attempt to connect, but neither the name lookup nor their number.
    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not outcome:
        raise requests.Timeout()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _append(response: requests.Response, part: Path, start: int) -> None:
    length = int(response.headers.get("Content-Length", 0))
    bar = tqdm(
        total=start + length, initial=start, unit="B", unit_scale=True, desc=part.stem, file=sys.stderr
    )
    with bar, part.open("ab" if start else "wb") as file:
        for chunk in response.iter_content(1 << 16):
            file.write(chunk)
            bar.update(len(chunk))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return f"no answer within {PATIENCE:.0f} seconds"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return type(error).__name__

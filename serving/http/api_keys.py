"""API keys: read from a file or the environment, compared in constant time.

openssl rand -hex 32 > keys.txt && checkreader serve --api-keys keys.txt
curl -H "Authorization: Bearer $(cat keys.txt)" …
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from serving.errors import CheckreaderError, Unauthorized
from serving.settings import API_KEYS_VARIABLE

_MIN_LENGTH: Final = 16  # characters; a shorter key can be guessed
_SCHEME: Final = "bearer "


class Keys:
    """The valid API keys, of which only digests are kept.

    Args:
        keys: the secrets.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def check(self, authorization: str | None) -> None:
        """Checks an Authorization header, which must be `Bearer KEY`.

        Every key is compared, as digests of equal length, so that the time tells nothing about any of them.

        Raises:
            Unauthorized: it holds no key, or an unknown one.
        """
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthorized("no API key: expected the header Authorization: Bearer KEY")
        digest = _digest(authorization[len(_SCHEME) :].strip())
        valid = False
        for valid_digest in self._digests:
            valid |= hmac.compare_digest(valid_digest, digest)
        if not valid:
            raise Unauthorized("unknown API key")


def read(path: Path | None) -> Keys | None:
    """Reads the keys from a file, else from the environment; returns None if neither is set.

    There is one key in each line, in the variable also separated by commas; lines that begin with # are comments.

    Raises:
        CheckreaderError: the file cannot be read, holds no key, or a key that is too short or not printable.
    """
    source = API_KEYS_VARIABLE if path is None else str(path)
    if path is None:
        text = os.environ.get(API_KEYS_VARIABLE)
        if text is None:
            return None
    else:
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            raise CheckreaderError(f"API keys: {source}: {reason}") from None
    lines = [line.strip() for line in text.splitlines()]
    keys = [key.strip() for line in lines if not line.startswith("#") for key in line.split(",")]
    keys = [key for key in keys if key]
    if not keys:
        raise CheckreaderError(f"API keys: {source}: no key there: write one in each line")
    for number, key in enumerate(keys, 1):
        if len(key) < _MIN_LENGTH or not re.fullmatch(r"[!-~]+", key):
            raise CheckreaderError(
                f"API keys: {source}: key {number} is no secret: expected {_MIN_LENGTH} or more visible ASCII "
                "characters without blanks, as from `openssl rand -hex 32`"
            )
    return Keys(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("latin-1", "replace")).digest()

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

_SHORTEST: Final = 16  # characters; what is shorter can be guessed
_SCHEME: Final = "bearer "


class Keys:
    """Who may ask: whoever has one of these.

    Args:
        keys: the secrets.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def check(self, authorization: str | None) -> None:
        """Lets a request pass whose Authorization header is `Bearer KEY`.

        Every key is compared, over digests of equal length: the time tells nothing about any of them.

        Raises:
            Unauthorized: it has no key, or none of these.
        """
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            raise Unauthorized("no API key: expected the header Authorization: Bearer KEY")
        given = _digest(authorization[len(_SCHEME) :].strip())
        known = False
        for digest in self._digests:
            known |= hmac.compare_digest(digest, given)
        if not known:
            raise Unauthorized("unknown API key")


def read(path: Path | None) -> Keys | None:
    """The keys in a file, else those in the environment; None: there are none, everybody may ask.

    One key in each line, in the variable also separated by commas; lines that begin with # are left out.

    Raises:
        CheckreaderError: the file cannot be read, holds no key, or one that is no key.
    """
    where = API_KEYS_VARIABLE if path is None else str(path)
    if path is None:
        text = os.environ.get(API_KEYS_VARIABLE)
        if text is None:
            return None
    else:
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            raise CheckreaderError(f"API keys: {where}: {reason}") from None
    lines = [line.strip() for line in text.splitlines()]
    keys = [key.strip() for line in lines if not line.startswith("#") for key in line.split(",")]
    keys = [key for key in keys if key]
    if not keys:
        raise CheckreaderError(f"API keys: {where}: no key there: write one in each line")
    for number, key in enumerate(keys, 1):
        if len(key) < _SHORTEST or not re.fullmatch(r"[!-~]+", key):
            raise CheckreaderError(
                f"API keys: {where}: key {number} is no secret: expected {_SHORTEST} or more visible ASCII "
                "characters without blanks, as from `openssl rand -hex 32`"
            )
    return Keys(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("latin-1", "replace")).digest()

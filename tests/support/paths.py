"""Where the checkout lies."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# Requests and pictures that were answered wrongly once.
CASES: Final = ROOT / "tests" / "cases"

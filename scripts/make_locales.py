"""Makes `serving/decoding/locales.py`, how countries write numbers, from the Unicode CLDR.

pip install babel                # here alone: the table is committed, and nothing that runs needs Babel
python scripts/make_locales.py   # again after a change of CLDR; prints nothing
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
TABLE: Final = ROOT / "serving" / "decoding" / "locales.py"
# A country's locale in CLDR, in the language that most of its checks are written in.
CLDR: Final = {"us": "en_US", "in": "en_IN", "cl": "es_CL", "de": "de_DE", "fr": "fr_FR", "ch": "de_CH"}
# As they are written by hand: CLDR's typographic apostrophe and its spaces that do not break.
_PLAIN: Final = {"\u2019": "'", "\u00a0": " ", "\u202f": " "}

_MODULE: Final = '''"""How countries write numbers; made from the Unicode CLDR {version} by `scripts/make_locales.py`, not edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written.

    Attributes:
        decimal: the sign before cents, a point or a comma.
        grouping: the sign between groups of digits: a point, a comma, an apostrophe or a space.
        sizes: digits of the last group before the cents, and of each group before it.
    """

    decimal: str
    grouping: str
    sizes: tuple[int, int]


STYLES: Final = {{
{rows}}}
'''


def number_style(name: str) -> tuple[str, str, tuple[int, int]]:
    """Returns the decimal sign, the grouping sign and the sizes of groups of a locale of CLDR."""
    from babel import Locale

    locale = Locale.parse(name)
    symbols = locale.number_symbols["latn"]
    decimal = symbols.get("currencyDecimal", symbols["decimal"])
    grouping = symbols.get("currencyGroup", symbols["group"])
    return decimal, _PLAIN.get(grouping, grouping), tuple(locale.decimal_formats[None].grouping)


def module_text(version: str, styles: Mapping[str, tuple[str, str, tuple[int, int]]]) -> str:
    """Writes the module that holds the table."""
    rows = "".join(
        f"    {_quoted(name)}: NumberStyle({_quoted(decimal)}, {_quoted(grouping)}, {sizes}),\n"
        for name, (decimal, grouping, sizes) in styles.items()
    )
    return _MODULE.format(version=version, rows=rows)


def _quoted(text: str) -> str:
    return f'"{text}"'


def main() -> int:
    """Writes the table."""
    try:
        from babel.core import get_cldr_version
    except ImportError:
        print("scripts/make_locales.py needs Babel: pip install babel", file=sys.stderr)
        return 1
    styles = {country: number_style(name) for country, name in CLDR.items()}
    TABLE.write_text(module_text(get_cldr_version(), styles), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

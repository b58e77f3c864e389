"""Invents what stands on a check: amount, date, MICR line, words and names.

All names and numbers are invented; what says the same twice agrees: the words and the amount encoded in the MICR line
with the amount, the MICR line's serial with the check's number.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from pipeline.synthesis.amount_text import (
    RUPEES,
    STYLES,
    UNDERLINE,
    AmountStyle,
    AmountText,
    Place,
    fraction,
    label,
)
from pipeline.synthesis.check_layouts import Layout, choose
from pipeline.synthesis.micr_text import routing_number

_US: Final = STYLES["us"]
_STYLES: Final[Mapping[str, AmountStyle]] = {
    "us": _US,
    "ca": replace(_US, cents={**_US.cents, "over crosses": 8}),
    "in": STYLES["in"],
    "gb": replace(
        _US,
        cents={"": 8, ".": 74, "-": 14, "raised": 2, "underlined": 2},
        before={"": 80, "£": 14, "-": 2, "—": 2},
        closings={"": 60, "-": 14, "—": 10, ".-": 4, " —": 6, "=": 6},
    ),
}
_CURRENCY: Final = (*"$₹£", RUPEES)
_PITCH: Final = 0.125  # inches from symbol to symbol of a MICR line
_MARGINS: Final = 0.45  # inches at its ends together
_ENCODED: Final = 0.35  # share of MICR lines with the amount
_FIRST_DAY: Final = datetime.date(1995, 1, 1)
_DAYS: Final = 14_000
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_DATES: Final = {
    "mdy": {"{m}/{d}/{y}": 8, "{m:02}/{d:02}/{y}": 8, "{m}/{d}/{s:02}": 6, "{m}-{d}-{y}": 4, "{m}-{d}-{s:02}": 3,
            "{m:02}-{d:02}-{y}": 2, "{M} {d}, {y}": 4},
    "dmy": {"{d:02}/{m:02}/{y}": 8, "{d}/{m}/{s:02}": 4, "{d}/{m}/{y}": 6, "{d:02}-{m:02}-{y}": 4, "{d}-{m}-{s:02}": 2,
            "{d}.{m}.{s:02}": 2, "{d:02}.{m:02}.{y}": 2, "{d} {M} {y}": 4},
    "ymd": {"{y}-{m:02}-{d:02}": 8, "{y}/{m:02}/{d:02}": 4, "{y} {m:02} {d:02}": 2},
}  # fmt: skip
CELLS: Final = {"mdy": "{m:02}{d:02}{y}", "dmy": "{d:02}{m:02}{y}", "ymd": "{y}{m:02}{d:02}"}
_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_FIRST_NAMES: Final = (
    "Ada", "Omar", "Lena", "Kofi", "Maria", "Juan", "Ravi", "Priya", "Emma", "Noah", "Wei", "Zoe", "Ivan",
    "Fatima", "Hugo", "Ines", "Paul", "Ruth",
)  # fmt: skip
_LAST_NAMES: Final = (
    "Baker", "Rahman", "Olsen", "Mensah", "Lopez", "Diaz", "Kumar", "Sharma", "Carter", "Quinn", "Zhang", "Young",
    "Petrov", "Haddad", "Keller", "Vega", "Murphy", "Jones",
)  # fmt: skip
_FIRMS: Final = (
    "Water & Power", "Hardware", "Dental Group", "Insurance", "Auto Repair", "Foods", "School District", "Books",
    "Motors", "Rentals",
)  # fmt: skip
_BANKS: Final = (
    "First Valley Bank", "Harbor Trust", "Northern Plains Bank", "Union of Farmers", "Citadel National",
    "Bank of Maplewood", "River Credit Union", "Coastal Savings", "Metropolitan Bank", "Peoples & Traders",
    "Granite State Bank", "Lakeside Federal",
)  # fmt: skip
_STREETS: Final = (
    "Oak St", "Mill Road", "High Street", "Park Ave", "Station Rd", "2nd Avenue", "Gandhi Marg", "King St W",
    "Elm Drive",
)  # fmt: skip
_TOWNS: Final = (
    "Springdale", "Easton", "Newbridge", "Lakeview", "Pune", "Halton", "Riverside", "Ashford", "Milltown",
    "Fairview",
)  # fmt: skip
_MEMOS: Final = (
    "rent", "gift", "invoice 4471", "tuition", "dues", "May", "plumbing", "deposit", "thanks", "acct 20", "books",
    "car",
)  # fmt: skip


@dataclass(frozen=True)
class CheckText:
    """What stands on a check.

    Attributes:
        amount: its value.
        amount_text: as it is written; None where a machine printed it.
        amount_printed: as a machine printed it, with its filling; None where it is written.
        date: the day.
        date_written: its characters.
        micr: the MICR line, A = transit, B = amount, C = on-us, D = dash; a space for every position that is blank.
        number: the check's number.
        words: the amount in words.
        payee, memo, holder, bank: names and lines of text.
    """

    amount: Decimal
    amount_text: AmountText | None
    amount_printed: str | None
    date: datetime.date
    date_written: str
    micr: str
    number: str
    words: str
    payee: str
    memo: str
    holder: tuple[str, ...]
    bank: tuple[str, ...]

    @property
    def amount_written(self) -> str:
        """Returns the amount as it is to be read: without currency, filling and words."""
        if self.amount_text is not None:
            return self.amount_text.text()
        return (self.amount_printed or "").strip("*# $£₹")


def check_text(layout: Layout, machine: bool, rng: np.random.Generator) -> CheckText:
    """Invents what stands on a check of a layout, filled in by hand or by a machine."""
    written, printed = None, None
    if machine:
        amount, printed = printed_amount(layout, rng)
    else:
        amount, written = written_amount(layout, rng)
    day = _FIRST_DAY + datetime.timedelta(int(rng.integers(_DAYS)))
    number = str(
        int(rng.integers(101, 9999)) if "personal" in layout.form else int(rng.integers(1001, 99_999))
    )
    number = number.zfill(6) if layout.country in ("in", "gb") else number.zfill(int(rng.integers(3, 5)))
    firm = layout.form == "us business" or rng.random() < 0.15
    street = f"{rng.integers(1, 999)} {_any(_STREETS, rng)}"
    town = f"{_any(_TOWNS, rng)} {rng.integers(10_000, 99_999)}"
    bank = _any(_BANKS, rng)
    return CheckText(
        amount=amount,
        amount_text=written,
        amount_printed=printed,
        date=day,
        date_written=_date(layout, day, machine, rng),
        micr=micr_line(layout, number, amount, rng),
        number=number,
        words=words(amount, layout.country, rng),
        payee=_firm(rng) if rng.random() < 0.4 else _person(rng),
        memo=_digits(12, rng) if layout.country == "in" else _any(_MEMOS, rng),  # there the account's number
        holder=(_firm(rng) if firm else _person(rng), street, town),
        bank=(bank, f"{_any(_TOWNS, rng)} branch", _any(_STREETS, rng)),
    )


def written_amount(layout: Layout, rng: np.random.Generator) -> tuple[Decimal, AmountText]:
    """Invents an amount and writes it as the country does; where a currency sign is printed, mostly without one."""
    style = _STYLES[layout.country]
    count = int(choose({str(digits): share for digits, share in style.digits.items()}, rng))
    units = int(10 ** (rng.random() + count - 1))
    if count > 1 and rng.random() < style.round:
        step = 10 ** int(rng.integers(1, count))
        units = max(step, units // step * step)
    figures = f"{units:,}" if rng.random() >= style.lakhs else grouped_by_lakhs(units)
    before = choose(style.before, rng)
    if layout.sign and set(before) & set(_CURRENCY):
        before = ""
    text = label(before)
    cents = choose(style.cents, rng)
    grouping = choose(style.grouping, rng)
    text += label(figures.replace(",", "" if grouping == cents else grouping))
    hundredths = 0 if rng.random() < 0.4 else int(rng.integers(100))
    if not cents:
        return Decimal(units), text + label(choose(style.closings, rng))
    written = f"{hundredths:02}"
    if cents in (".", "-", ","):
        text += label(cents + written)
    elif cents in ("raised", "underlined"):
        text += label(choose({"": 55, " ": 25, ".": 20}, rng)) + label(written, Place.RAISED)
        text += label(UNDERLINE, Place.BAR) if cents == "underlined" else label("")
    else:
        crosses = hundredths == 0 and rng.random() < 0.5
        gap = label(choose({"": 40, " ": 50, ".": 10}, rng))
        text += gap + fraction(cents, choose({"xx": 70, "00": 20, "—": 10}, rng) if crosses else written)
    return Decimal(units) + Decimal(hundredths) / 100, text + label(choose(style.behind, rng))


def printed_amount(layout: Layout, rng: np.random.Generator) -> tuple[Decimal, str]:
    """Invents an amount as a machine prints it, mostly with asterisks around it."""
    cents = int(10 ** rng.uniform(2, 8 if layout.country == "in" else 7))
    amount = Decimal(cents) / 100
    units, hundredths = divmod(cents, 100)
    figures = f"{units:,}" if layout.country != "in" else grouped_by_lakhs(units)
    before = choose({"": 3, "*": 1, "**": 4, "***": 2, "*****": 1, "$": 1, "$**": 1}, rng)
    if "$" in before and (layout.sign or layout.country not in ("us", "ca")):
        before = "**"
    return amount, f"{before}{figures}.{hundredths:02}{'*' * (2 * int(rng.random() < 0.25))}"


def micr_line(layout: Layout, number: str, amount: Decimal, rng: np.random.Generator) -> str:
    """Invents the MICR line of a check's country: valid ABA routing number, serial, account and at times the amount."""
    account = _digits(int(rng.integers(7, 11)), rng)
    if layout.country == "us":
        on_us = {"right": f"{account}C {number}", "middle": f"{number} {account}C"}.get(
            layout.serial, f"{account}C"
        )
        text = f"A{routing_number(rng)}A{' ' * int(rng.integers(0, 3))}{on_us}"
        if layout.form == "us template":
            text = f"A{routing_number(rng)}A A{_digits(9, rng)}A  {number}"
        if layout.serial == "left":
            text = f"C{number.zfill(6)}C {text}"
    elif layout.country == "ca":
        text = f"C{number}C A{_digits(5, rng)}D{_digits(3, rng)}A {account}C"
    elif layout.country == "in":
        text = f"C{number}C {_digits(9, rng)}A {_digits(6, rng)}C {rng.integers(10, 32)}"
    else:
        text = f"C{number}C  {_digits(2, rng)}D{_digits(4, rng)}A {_digits(8, rng)}C"
    if rng.random() < _ENCODED:  # it fills positions 1 to 12
        encoded = f"{text}{' ' * max(1, layout.micr_last - 13)}B{int(amount * 100):010d}B"
        if len(encoded) * _PITCH + _MARGINS < layout.size[0]:
            return encoded
    return text


def words(amount: Decimal, country: str, rng: np.random.Generator) -> str:
    """Writes an amount in words, as its country does."""
    units, cents = int(amount), int(amount * 100) % 100
    text = _spelled(units, country == "in").capitalize()
    if country == "in":
        return f"{text} only" if not cents else f"{text} and {cents} paise only"
    if country == "gb":
        return f"{text} pounds only" if not cents else f"{text} pounds {cents:02}p"
    return f"{text} and {cents:02}/100" if cents or rng.random() < 0.7 else f"{text} and no/100"


def grouped_by_lakhs(units: int) -> str:
    """Groups digits as India does: three, and before them by twos."""
    head, tail = divmod(units, 1000)
    return f"{_by_twos(head)},{tail:03}" if head else str(tail)


def _by_twos(head: int) -> str:
    groups: list[str] = []
    while head >= 100:
        head, group = divmod(head, 100)
        groups.insert(0, f"{group:02}")
    return ",".join([str(head), *groups])


def _date(layout: Layout, day: datetime.date, machine: bool, rng: np.random.Generator) -> str:
    pattern = CELLS[layout.date_order] if layout.date_cells else choose(_DATES[layout.date_order], rng)
    if machine and not layout.date_cells:
        pattern = {"mdy": "{m:02}/{d:02}/{y}", "dmy": "{d:02}/{m:02}/{y}", "ymd": "{y}-{m:02}-{d:02}"}[
            layout.date_order
        ]
    return pattern.format(d=day.day, m=day.month, y=day.year, s=day.year % 100, M=_MONTHS[day.month - 1])


def _spelled(units: int, lakhs: bool) -> str:
    scales = ((10**7, "crore"), (10**5, "lakh")) if lakhs else ((10**6, "million"),)
    for size, name in (*scales, (1000, "thousand"), (100, "hundred")):
        if units >= size:
            rest = f" {_spelled(units % size, lakhs)}" if units % size else ""
            return f"{_spelled(units // size, lakhs)} {name}{rest}"
    if units < 20:
        return _ONES[units]
    return _TENS[units // 10 - 2] + (f"-{_ONES[units % 10]}" if units % 10 else "")


def _person(rng: np.random.Generator) -> str:
    return f"{_any(_FIRST_NAMES, rng)} {_any(_LAST_NAMES, rng)}"


def _firm(rng: np.random.Generator) -> str:
    return f"{_any(_LAST_NAMES, rng)} {_any(_FIRMS, rng)}"


def _any(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.random() * len(options))]


def _digits(count: int, rng: np.random.Generator) -> str:
    return "".join(map(str, rng.integers(0, 10, count).tolist()))

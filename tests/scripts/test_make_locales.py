"""The table of locales is what the script writes."""

from __future__ import annotations

import dataclasses
import re
import sys

import pytest

from scripts import make_locales
from serving.decoding.locales import STYLES


def test_the_committed_table_is_not_edited() -> None:
    text = make_locales.TABLE.read_text()
    version = re.search("CLDR ([0-9]+) by", text)
    assert version is not None
    styles = {country: dataclasses.astuple(style) for country, style in STYLES.items()}
    assert make_locales.module_text(version[1], styles) == text
    assert list(styles) == list(make_locales.CLDR)


def test_without_babel(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "babel.core", None)
    assert make_locales.main() == 1
    assert "pip install babel" in capsys.readouterr().err

"""A file of results that runs go on with, whenever they were stopped."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.bulk.lines import CsvLines, Form, JsonLines, csv_columns
from serving.bulk.results import Results
from serving.decoding.thresholds import DigitPrediction
from serving.errors import CheckreaderError

ABOUT = {"model": "m", "version": "1", "max_error": 0.01, "applied_max_error": None}
SETTINGS = ABOUT | {"as": "digit"}
CSV = CsvLines(csv_columns(("as",), DigitPrediction))
FORMS = {"json": JsonLines(), "csv": CSV}

form_names = pytest.mark.parametrize("name", list(FORMS))


def row(file: str, page: int | None, pages: int | None, **rest: Any) -> dict[str, Any]:
    return {"file": file, "page": page, "pages": pages, **ABOUT, "settings": {"as": "digit"}, **rest}


def lines_of(form: Form, file: str, outcomes: Sequence[bool] | None) -> bytes:
    """Makes the lines of a file whose pages could be read or not; None = it has none that can be told."""
    if outcomes is None:
        return form.encode(row(file, None, None, error="No such file"))
    pages = len(outcomes)
    return b"\n".join(
        form.encode(
            row(file, page, pages, **({"digit": 7, "accepted": True} if is_read else {"error": "damaged"}))
        )
        for page, is_read in enumerate(outcomes, 1)
    )


def content(form: Form, lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in ([form.header] if form.header else []) + list(lines))


def go_on(out: Path, form: Form, folder: dict[str, bytes]) -> list[str]:
    """Writes what `out` does not hold yet, as a job does; returns the names of the files."""
    with Results(out, form, SETTINGS) as results:
        files = [file for file in folder if file not in results.finished]
        for file in files:
            results.append([folder[file]])
        results.append([])
    return files


@form_names
def test_cut_at_every_byte(name: str, tmp_path: Path) -> None:
    """Nothing is lost, there twice or half there, and no error stands beside the reading that came after it."""
    form, out = FORMS[name], tmp_path / "out"
    before = {"a": [True], "b": [True, False], "c": [True], "d": None, "e": [True, True]}
    earlier = content(form, [lines_of(form, file, outcomes) for file, outcomes in before.items()])
    mended = {
        file: lines_of(form, file, [True] * len(outcomes or [True])) for file, outcomes in before.items()
    }
    expected = sorted(content(form, list(mended.values())).splitlines())
    for cut in range(len(earlier) + 1):
        out.write_bytes(earlier[:cut])
        files = go_on(out, form, mended)
        assert sorted(out.read_bytes().splitlines()) == expected
        assert {"b", "d"} <= set(files)
        whole = [file for file in ("a", "c", "e") if mended[file] + b"\n" in earlier[:cut]]
        assert not set(whole) & set(files)
    assert list(tmp_path.iterdir()) == [out]


@form_names
@settings(max_examples=25)
@given(
    runs=st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from("abcdef"), st.none() | st.lists(st.booleans(), min_size=1, max_size=3)
            ),
            st.floats(0, 1),
        ),
        max_size=4,
    )
)
def test_any_number_of_runs_that_are_killed(name: str, runs: list, tmp_path_factory) -> None:
    form, out = FORMS[name], tmp_path_factory.getbasetemp() / f"runs-{name}"
    out.unlink(missing_ok=True)
    for outcomes, share in runs:
        go_on(out, form, {file: lines_of(form, file, pages) for file, pages in outcomes.items()})
        os.truncate(out, round(out.stat().st_size * share))
    files = [f"{letter}" for letter in "abcdef"]
    go_on(out, form, {file: lines_of(form, file, [True]) for file in files})
    rows = [form.decode(line) for line in out.read_bytes().splitlines()[bool(form.header) :]]
    by_file: dict[str, list] = {}
    for decoded in rows:
        by_file.setdefault(decoded.file, []).append(decoded)
    assert sorted(by_file) == files
    for pages in by_file.values():
        assert [decoded.page for decoded in pages] == list(range(1, pages[0].pages + 1))
        assert all(decoded.error is None for decoded in pages)


@form_names
def test_nothing_is_erased_before_the_first_new_line(name: str, tmp_path: Path) -> None:
    """So a folder or a model that cannot be used costs nothing."""
    form, out = FORMS[name], tmp_path / "out"
    earlier = content(form, [lines_of(form, "a", [False, True]), lines_of(form, "b", [True])])
    out.write_bytes(earlier)
    with Results(out, form, SETTINGS) as results:
        assert len(results.finished) == 1
        assert ("a" in results.finished, "b" in results.finished) == (False, True)
    assert out.read_bytes() == earlier
    assert go_on(out, form, {}) == []  # `a` is gone from the folder, and so is its error
    assert out.read_bytes() == content(form, [lines_of(form, "b", [True])])


@form_names
def test_a_copy_that_was_not_finished_is_no_harm(name: str, tmp_path: Path) -> None:
    form, out = FORMS[name], tmp_path / "out"
    good = lines_of(form, "b", [True])
    out.write_bytes(content(form, [lines_of(form, "a", None), good]))
    (tmp_path / ".out.new").write_bytes(b"half a li" * 1000)
    go_on(out, form, {"a": lines_of(form, "a", [True]), "b": good})
    assert out.read_bytes() == content(form, [good, lines_of(form, "a", [True])])
    assert list(tmp_path.iterdir()) == [out]


def test_a_disk_that_is_full_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form, out = FORMS["json"], tmp_path / "out"
    earlier = content(form, [lines_of(form, "a", None), lines_of(form, "b", [True])])
    out.write_bytes(earlier)

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        go_on(out, form, {"a": lines_of(form, "a", [True])})
    assert out.read_bytes() == earlier
    assert list(tmp_path.iterdir()) == [out]


def test_a_copy_that_cannot_be_made_goes_by_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, out = FORMS["json"], tmp_path / "out"
    out.write_bytes(content(form, [lines_of(form, "a", None), lines_of(form, "b", [True])]))
    (tmp_path / ".out.new").mkdir()  # stands in its way
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok: None)
    with pytest.raises(IsADirectoryError) as caught:
        go_on(out, form, {"a": lines_of(form, "a", [True])})
    assert caught.value.filename == str(out)


def test_a_copy_keeps_mode_and_link(tmp_path: Path) -> None:
    form, out = FORMS["json"], tmp_path / "out"
    out.write_bytes(content(form, [lines_of(form, "a", None), lines_of(form, "b", [True])]))
    out.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to("out")
    go_on(link, form, {"a": lines_of(form, "a", [True])})
    assert link.is_symlink()
    assert out.stat().st_mode & 0o777 == 0o640
    assert b'"error"' not in out.read_bytes()


@form_names
def test_pages_that_somebody_took_out_are_read_again(name: str, tmp_path: Path) -> None:
    form, out = FORMS[name], tmp_path / "out"
    whole = [*lines_of(form, "a", [True] * 3).split(b"\n"), *lines_of(form, "b", [True] * 3).split(b"\n")]
    for missing in range(6):
        out.write_bytes(content(form, [line for index, line in enumerate(whole) if index != missing]))
        with Results(out, form, SETTINGS) as results:
            assert [file in results.finished for file in "ab"] == [missing > 2, missing < 3]


@form_names
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_error", 0.05, "max_error 0.01, now 0.05;"),
        ("applied_max_error", 0.005, "applied_max_error not set, now 0.005;"),
        ("version", "2", "version 1, now 2;"),
        ("model", "n", "model m, now n;"),
        ("as", "number", "as digit, now number;"),
        ("crop", "1,2,3,4", "crop not set, now 1,2,3,4;"),
    ],
)
def test_other_settings_are_refused(name: str, key: str, value: Any, message: str, tmp_path: Path) -> None:
    form, out = FORMS[name], tmp_path / "out"
    for outcomes in ([True], [False], None):
        earlier = content(form, [lines_of(form, "a", outcomes)])
        out.write_bytes(earlier)
        number = 2 if form.header else 1
        with pytest.raises(
            CheckreaderError, match=f"out, line {number}: read with {message} name a new file"
        ):
            Results(out, form, SETTINGS | {key: value})
        assert out.read_bytes() == earlier


def test_two_settings_in_one_file_are_refused(tmp_path: Path) -> None:
    form = FORMS["json"]
    other = form.encode(row("b", 1, 1) | {"max_error": 0.05})
    (tmp_path / "out").write_bytes(content(form, [lines_of(form, "a", [True]), other]))
    with pytest.raises(CheckreaderError, match=r"line 2: read with max_error 0\.05, now 0.01"):
        Results(tmp_path / "out", form, SETTINGS)


@form_names
@pytest.mark.parametrize(
    "text",
    [b"a letter\n", b"a letter", b'{"text":"1"}\n', b"\xff\xfe\n", b"[]\n{", b"file,text\n", b"file,page,x"],
)
def test_no_other_file_is_touched(name: str, text: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(text)
    with pytest.raises(CheckreaderError, match="line 1: not a line of such readings; name a new file"):
        Results(out, FORMS[name], SETTINGS)
    assert out.read_bytes() == text


def test_json_is_not_gone_on_with_as_csv(tmp_path: Path) -> None:
    for first, then in (("json", "csv"), ("csv", "json")):
        out = tmp_path / first
        out.write_bytes(content(FORMS[first], [lines_of(FORMS[first], "a", [True])]))
        with pytest.raises(CheckreaderError, match="line 1: not a line of such readings"):
            Results(out, FORMS[then], SETTINGS)


def test_lines_of_version_0_1_are_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b'{"file":"00.png","error":"no picture"}\n')
    with pytest.raises(CheckreaderError, match="line 1: not a line of such readings; name a new file"):
        Results(tmp_path / "out", FORMS["json"], SETTINGS)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    form, out = FORMS["json"], tmp_path / "out"
    out.write_bytes(content(form, [lines_of(form, "a", None), lines_of(form, "b", [True])]))
    with Results(out, form, SETTINGS) as results:
        for _ in range(2):  # before and after a copy took its place
            with pytest.raises(CheckreaderError, match="out: another run is writing it"):
                Results(out, form, SETTINGS)
            results.append([lines_of(form, "a", [True])])
    with Results(out, form, SETTINGS) as results:
        assert len(results.finished) == 2

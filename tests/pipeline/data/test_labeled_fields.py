import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.data.labeled_fields import Labeled, folds, load
from serving.decoding.alphabet import Alphabet
from serving.errors import CheckreaderError
from tests.support.tiny import amount, tiff


def picture(path: Path, level: int = 200) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (40, 20), level).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one of them in images/."""
    picture(tmp_path / "a.png", 10)
    picture(tmp_path / "b.png", 20)
    picture(tmp_path / "images" / "c.png", 30)
    return tmp_path


def write_csv(folder: Path, *rows: tuple[str, ...], header: tuple[str, ...] = ("file", "text")) -> None:
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def write_json(folder: Path, *rows: object) -> None:
    (folder / "labels.jsonl").write_text("\n".join(json.dumps(row) for row in rows))


def made(digests: list[str]) -> Labeled:
    """Fields of which only the pictures' checksums matter."""
    n = len(digests)
    ones, none = ("1",) * n, (None,) * n
    return Labeled(
        "some", tuple(map(str, range(n))), ones, ones, none, "", none, (b"",) * n, tuple(digests), {}
    )


def test_csv(folder: Path) -> None:
    write_csv(folder, ("a.png", "1.250,50"), ("c.png", " 0077 "), ("b.png", "12"))
    found = load(folder)
    assert found.name == folder.name
    assert found.files == ("a.png", "c.png", "b.png")
    assert found.texts == ("1.250,50", "0077", "12")
    assert found.digits == ("125050", "0077", "12")
    assert found.boxes == (None,) * 3
    assert [int(found.picture(i)[0, 0]) for i in range(3)] == [10, 30, 20]
    assert found.picture(0).shape == (20, 40)


def test_csv_as_spreadsheets_write_it(folder: Path) -> None:
    text = 'note,text,file\r\n"x, y","1,250",a.png\r\n\r\nz,7,b.png\r\n'
    (folder / "labels.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = load(folder)
    assert (found.files, found.texts) == (("a.png", "b.png"), ("1,250", "7"))


def test_jsonl(folder: Path) -> None:
    write_json(
        folder,
        {"file": "a.png", "text": "1.2", "boxes": [["1", 2, 3, 4.5, 5], [2, 9, 3, 4, 5]], "who": "me"},
        {"file": "images/c.png", "text": "3"},
    )
    found = load(folder)
    assert found.texts == ("1.2", "3")
    assert found.boxes == (((2, 3, 4.5, 5), (9, 3, 4, 5)), None)


def test_record(folder: Path) -> None:
    write_csv(folder, ("a.png", "1.250"), ("b.png", "12"))
    record = load(folder).record()
    labels = hashlib.sha256((folder / "labels.csv").read_bytes()).hexdigest()
    assert (record["n"], record["digits"], record["marks"], record["boxes"]) == (2, 6, ".", 0)
    assert record["sha256"]["labels.csv"] == labels
    picture(folder / "b.png", 99)
    assert load(folder).record()["sha256"]["pictures"] != record["sha256"]["pictures"]
    json.dumps(record)


def test_marks_are_those_that_labels_name(folder: Path) -> None:
    write_csv(folder, ("a.png", "1250"))
    assert load(folder).marks == ""
    rows = (
        ("a.png", "1250", "1,250/-", ""),
        ("b.png", "12550", "125 50/100", "125.50"),
        ("c.png", "7", "", ""),
    )
    write_csv(folder, *rows, header=("file", "text", "written", "amount"))
    found = load(folder)
    assert (found.written, found.marks) == (("1,250/-", "12550/100", "7"), ",/-")
    assert (found.amounts, found.kind) == ((None, "125.50", None), "amount")
    assert found.digits == ("1250", "12550", "7")
    assert found.record()["amounts"] == 1
    assert found.take(np.array([1])).written == ("12550/100",)
    (folder / "marks.txt").write_text(".,/-x")
    assert load(folder).marks == ".,/-x"


def test_in_a_networks_symbols(folder: Path) -> None:
    write_csv(folder, ("a.png", "1250.50", "1,250.50/-"), header=("file", "text", "written"))
    found = load(folder).translated(Alphabet("0123456789·/"))
    assert (found.written, found.marks, found.texts) == (("1·250·50/",), "·/", ("1250.50",))


def test_symbols_that_no_network_reads(folder: Path) -> None:
    header = ("file", "text", "written", "amount")
    write_csv(folder, ("a.png", "12", "12"), ("b.png", "5", "5€"), header=header)
    with pytest.raises(CheckreaderError, match=r"labels.csv: line 3: written '5€' has '€': write at most"):
        load(folder)
    write_csv(folder, ("a.png", "12", "12", "1,2"), header=header)
    with pytest.raises(CheckreaderError, match=r"labels.csv: line 2: amount '1,2' is no decimal"):
        load(folder)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a.png", "12"), ("b.png", "12-")], r"labels.csv: line 3: text '12-' is not digits with single"),
        ([("a.png", "$5")], r"line 2: text '\$5' is not digits"),
        ([("a.png", "1 250")], "line 2: text '1 250' is not digits.*without currency signs and spaces"),
        ([("a.png", "1..2")], "line 2: text '1..2' is not digits"),
        ([("a.png", ".50")], "line 2: text '.50' is not digits"),
        ([("a.png", "١٢")], "line 2: text '١٢' is not digits"),
        ([("a.png", "1" * 201)], r"line 2: text '1{40}' is not digits"),
        ([("a.png", " ")], "line 2: text is empty: write the digits of the field, or remove the line"),
        ([("a.png",)], "line 2: text is empty"),
        ([("", "1")], "line 2: file is empty: name the picture, or remove the line"),
        ([("a.png", "1", "250")], "line 2: more columns than the header has: put a text with a comma into"),
        ([("d.png", "1")], r"line 2: d.png: not found in .* or .*images: correct the name"),
        (
            [("a.png", "1"), ("b.png", "2"), ("a.png", "1")],
            r"line 4: a.png is labeled a second time, .*line 2",
        ),
        ([("x" * 300, "1")], "line 2: cannot read x{300}: File name too long"),
        ([("a\nb", "1")], r"line 3: 'a\\nb' is no file's name"),
        ([], r"labels.csv: no labels in it: expected a line with file and text"),
    ],
)
def test_spoilt_csv(folder: Path, rows: list[tuple[str, ...]], message: str) -> None:
    write_csv(folder, *rows)
    with pytest.raises(CheckreaderError, match=message) as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_spoilt_header(folder: Path) -> None:
    write_csv(folder, ("a.png", "1"), header=("file", "label"))
    with pytest.raises(CheckreaderError, match="line 1: expected a header with the columns file and text"):
        load(folder)


@pytest.mark.parametrize("content", [b"file,text\n\xff\xfe,1\n", b'file,text\n"a.png,1\n'])
def test_unreadable_csv(folder: Path, content: bytes) -> None:
    (folder / "labels.csv").write_bytes(content)
    with pytest.raises(
        CheckreaderError, match=r"labels.csv: not a readable CSV file .*: save it as CSV in UTF-8"
    ):
        load(folder)


BOXES = [["1", 2, 3, 4, 5], ["2", 9, 3, 4, 5]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", 'line 2: .*: expected {"file": "…", "text": "…"}'),
        ("[]", "line 2: Expected `object`"),
        ('{"file": "b.png", "text": 12}', r"line 2: Expected `str`, got `int` - at `\$.text`"),
        ('{"file": "b.png"}', "line 2: Object missing required field `text`"),
        (
            json.dumps({"file": "b.png", "text": "12", "boxes": BOXES[:1]}),
            "line 2: the boxes are not those of the digits 12",
        ),
        (
            json.dumps({"file": "b.png", "text": "21", "boxes": BOXES}),
            "line 2: the boxes are not those of the digits 21",
        ),
        (
            json.dumps({"file": "b.png", "text": "1", "boxes": [["1", 2, 3, 0, 5]]}),
            "line 2: a box without width",
        ),
        (
            json.dumps({"file": "b.png", "text": "1", "boxes": [["1", 2, 3, 4]]}),
            "line 2: Expected `array` of length 5",
        ),
        ('{"file": "b.png", "text": "1", "boxes": [["1", NaN, 3, 4, 5]]}', "line 2: JSON is malformed"),
        ('{"file": "b\ud800.png", "text": "1"}', "line 2: "),
    ],
)
def test_spoilt_jsonl(folder: Path, line: str, message: str) -> None:
    first = json.dumps({"file": "a.png", "text": "12", "boxes": BOXES})
    (folder / "labels.jsonl").write_bytes(f"{first}\n{line}\n".encode(errors="surrogatepass"))
    with pytest.raises(CheckreaderError, match=message) as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_no_picture(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"hello")
    write_csv(folder, ("a.png", "1"))
    with pytest.raises(CheckreaderError, match=r"line 2: .*a.png: not a picture: expected PNG"):
        load(folder)


def test_several_pages(folder: Path) -> None:
    """A label is of one field: the others are not dropped without a word."""
    (folder / "a.tif").write_bytes(tiff(amount("1"), amount("2")))
    write_csv(folder, ("a.tif", "1"))
    with pytest.raises(CheckreaderError, match=r"line 2: a.tif: 2 pages where one picture is expected: save"):
        load(folder)


def test_labels_missing(folder: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"neither labels.csv nor labels.jsonl in it"):
        load(folder)
    with pytest.raises(CheckreaderError, match=r"nowhere: no such folder: expected one with labels.csv"):
        load(folder / "nowhere")


def test_labels_twice(folder: Path) -> None:
    write_csv(folder, ("a.png", "1"))
    write_json(folder, {"file": "a.png", "text": "1"})
    with pytest.raises(CheckreaderError, match=r"both labels.csv and labels.jsonl in it: one of them"):
        load(folder)


def test_same_picture_with_other_text(folder: Path) -> None:
    picture(folder / "b.png", 10)
    write_csv(folder, ("a.png", "1"), ("b.png", "1"))
    assert len(load(folder)) == 2
    write_csv(folder, ("a.png", "1"), ("b.png", "2"))
    with pytest.raises(
        CheckreaderError, match=r"line 3: b.png is the same picture as a.png, but labeled 2 instead of 1"
    ):
        load(folder)


def test_take(folder: Path) -> None:
    write_csv(folder, ("a.png", "1"), ("b.png", "2"), ("c.png", "3"))
    whole = load(folder)
    part = whole.take(np.array([2, 0]))
    assert (part.files, part.texts, part.sha256) == (("c.png", "a.png"), ("3", "1"), whole.sha256)
    assert part.digests == (whole.digests[2], whole.digests[0])
    assert int(part.picture(0)[0, 0]) == 30


DIGESTS = st.lists(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=60)


@given(DIGESTS, st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_folds_are_a_partition(digests: list[str], count: int, seed: int) -> None:
    fields = made(digests)
    if len(set(digests)) < count:
        with pytest.raises(CheckreaderError, match=f"different pictures cannot be cut into {count} folds"):
            folds(fields, count, seed)
        return
    parts = folds(fields, count, seed)
    assert len(parts) == count
    assert sorted(int(i) for part in parts for i in part) == list(range(len(digests)))
    assert all(len(part) and (np.diff(part) > 0).all() for part in parts)
    homes = {
        digest: {k for k, part in enumerate(parts) for i in part if digests[i] == digest}
        for digest in digests
    }
    assert all(len(home) == 1 for home in homes.values())
    assert all(np.array_equal(a, b) for a, b in zip(parts, folds(fields, count, seed), strict=True))


@given(st.permutations(range(30)), st.integers(0, 2**32 - 1))
def test_folds_do_not_depend_on_order(order: list[int], seed: int) -> None:
    names = [f"{i:02}" for i in range(30)]
    shuffled = [names[i] for i in order]
    one, other = (
        [{digests[i] for i in part} for part in folds(made(digests), 4, seed)]
        for digests in (names, shuffled)
    )
    assert one == other
    assert {len(part) for part in one} == {7, 8}


def test_folds_differ_by_seed() -> None:
    fields = made([str(i) for i in range(50)])
    assert not np.array_equal(folds(fields, 5, 0)[0], folds(fields, 5, 1)[0])


def test_folds_below_two() -> None:
    with pytest.raises(CheckreaderError, match="at least 2 folds"):
        folds(made(["a", "b"]), 1, 0)

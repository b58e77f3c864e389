"""What workers tell each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.engine.statistics import Counts
from serving.engine.worker_state import Board, Desired, Report


def test_a_single_worker_needs_no_folder() -> None:
    board = Board()
    assert board.desired() == Desired()
    assert board.ask("a", loaded=False) == 1
    assert board.ask("b", loaded=True) == 2
    assert board.desired() == Desired(2, ["a"], {"b": 2})
    board.report(Report())
    assert (board.others(), board.before()) == ([], None)


def test_all_workers_see_what_is_asked_of_one(tmp_path: Path) -> None:
    one, other = Board(tmp_path, 0, 2), Board(tmp_path, 1, 2)
    one.ask("a", loaded=False)
    other.ask("b", loaded=False)
    assert one.desired() == other.desired() == Desired(2, ["a", "b"])
    assert one.ask("a", loaded=True) == 3
    assert other.desired() == Desired(3, ["b"], {"a": 3})
    assert Board(tmp_path, 0, 2).desired() == one.desired()  # of a worker that was replaced, too


def test_nothing_that_is_asked_at_once_is_lost(tmp_path: Path) -> None:
    boards = [Board(tmp_path, place, 4) for place in range(4)]
    with ThreadPoolExecutor(4) as executor:
        asked = list(executor.map(lambda i: boards[i % 4].ask(f"m{i}", loaded=False), range(40)))
    assert sorted(asked) == list(range(1, 41))
    assert set(boards[0].desired().unloaded) == {f"m{i}" for i in range(40)}


def test_reports(tmp_path: Path) -> None:
    one, other = Board(tmp_path, 0, 3), Board(tmp_path, 1, 3)
    assert one.others() == [None, None]
    told = Report(4, {"a": "why"}, {"a": 3}, 1_000, Counts(starts=1))
    other.report(told)
    assert one.others() == [told, None]
    assert Board(tmp_path, 1, 3).before() == told
    assert one.before() is None


def test_what_somebody_cleaned_up_or_spoiled_is_put_back(tmp_path: Path) -> None:
    board = Board(tmp_path, 0, 2)
    board.ask("a", loaded=False)
    for spoil in (lambda file: file.unlink(), lambda file: file.write_bytes(b'{"gen')):
        spoil(tmp_path / "desired.json")
        assert board.desired() == Desired(1, ["a"])
        assert Board(tmp_path, 1, 2).desired() == Desired(1, ["a"])

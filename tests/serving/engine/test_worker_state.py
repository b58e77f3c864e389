"""The state that the workers of a service share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.engine.statistics import Counts
from serving.engine.worker_state import DesiredModels, SharedState, WorkerReport


def test_a_single_worker_needs_no_folder() -> None:
    state = SharedState()
    assert state.desired() == DesiredModels()
    assert state.request("a", loaded=False) == 1
    assert state.request("b", loaded=True) == 2
    assert state.desired() == DesiredModels(2, ["a"], {"b": 2})
    state.publish(WorkerReport())
    assert (state.other_reports(), state.last_report()) == ([], None)


def test_all_workers_see_what_is_asked_of_one(tmp_path: Path) -> None:
    first, second = SharedState(tmp_path, 0, 2), SharedState(tmp_path, 1, 2)
    first.request("a", loaded=False)
    second.request("b", loaded=False)
    assert first.desired() == second.desired() == DesiredModels(2, ["a", "b"])
    assert first.request("a", loaded=True) == 3
    assert second.desired() == DesiredModels(3, ["b"], {"a": 3})
    assert SharedState(tmp_path, 0, 2).desired() == first.desired()  # of a worker that was replaced, too


def test_nothing_that_is_asked_at_once_is_lost(tmp_path: Path) -> None:
    states = [SharedState(tmp_path, place, 4) for place in range(4)]
    with ThreadPoolExecutor(4) as executor:
        generations = list(executor.map(lambda i: states[i % 4].request(f"m{i}", loaded=False), range(40)))
    assert sorted(generations) == list(range(1, 41))
    assert set(states[0].desired().unloaded) == {f"m{i}" for i in range(40)}


def test_reports(tmp_path: Path) -> None:
    first, second = SharedState(tmp_path, 0, 3), SharedState(tmp_path, 1, 3)
    assert first.other_reports() == [None, None]
    report = WorkerReport(4, {"a": "why"}, {"a": 3}, 1_000, Counts(starts=1))
    second.publish(report)
    assert first.other_reports() == [report, None]
    assert SharedState(tmp_path, 1, 3).last_report() == report
    assert first.last_report() is None


def test_what_somebody_cleaned_up_or_spoiled_is_put_back(tmp_path: Path) -> None:
    state = SharedState(tmp_path, 0, 2)
    state.request("a", loaded=False)
    for spoil in (lambda file: file.unlink(), lambda file: file.write_bytes(b'{"gen')):
        spoil(tmp_path / "desired.json")
        assert state.desired() == DesiredModels(1, ["a"])
        assert SharedState(tmp_path, 1, 2).desired() == DesiredModels(1, ["a"])

from __future__ import annotations

from benchmarks import batching


def test_service() -> None:
    rows = batching.service("lenet5", settings=((1, 0), (32, 100)), connections=(4,), rounds=1, seconds=0.1)
    assert [(row["batch_rows"], row["delay_us"], row["connections"]) for row in rows] == [
        (1, 0, 4),
        (32, 100, 4),
    ]
    assert all(row["rate"] > 0 and 0 < row["p50_ms"] <= row["p99_ms"] for row in rows)

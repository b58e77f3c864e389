"""A bulk job in processes of this machine."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from serving.bulk import job as bulk
from serving.bulk import local
from serving.bulk.job import Job, Worker
from serving.errors import CheckreaderError
from tests.serving.bulk.test_job import here, pictures, plain


@pytest.mark.usefixtures("scans")
def test_processes_give_the_same_lines(job: Job, tmp_path: Path) -> None:
    bulk.run(job, tmp_path / "here", here, plain)
    bulk.run(job, tmp_path / "out", local.read, plain)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "here").read_bytes()


def test_no_more_is_taken_than_keeps_the_processes_busy(job: Job) -> None:
    count = 0

    def chunks() -> Iterator[list[str]]:
        nonlocal count
        for _ in range(50):
            count += 1
            yield ["00.png"]

    lines = local.read(job, chunks(), 1)
    for number in range(1, 4):
        next(lines)
        assert count < number + 5
    lines.close()


def test_a_process_that_dies_costs_no_picture(job: Job) -> None:
    files = pictures(job)
    expected = Worker(job)(files)
    lines = local.read(job, iter([[file] for file in files]), 2)
    received = [*next(lines)]
    for child in multiprocessing.active_children():
        child.kill()
    assert [*received, *(line for chunk in lines for line in chunk)] == expected


def test_a_model_that_cannot_be_used(job: Job) -> None:
    other = replace(job, model="lenet6")
    with pytest.raises(CheckreaderError, match="unknown model 'lenet6'"):
        list(local.read(other, iter([["00.png"]]), 1))

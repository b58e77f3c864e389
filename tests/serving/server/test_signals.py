"""Signals beyond those that end the service, in a process of their own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

HEEDING = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
if sys.argv[1:]:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
from serving.server.signals import heed_signals
heed_signals()
for name in sys.stdin:
    signal.raise_signal(signal.Signals[name.strip()])
    print("went on", flush=True)
"""


@pytest.mark.parametrize(
    ("nohup", "name", "output"),
    [
        ((), "SIGUSR1", ("went on\n", "")),
        ((), "SIGUSR2", ("went on\n", "")),
        ((), "SIGHUP", ("", "ended\n")),
        (("nohup",), "SIGHUP", ("went on\n", "")),
    ],
)
def test_signals(nohup: tuple[str, ...], name: str, output: tuple[str, str]) -> None:
    assert hasattr(signal, name)
    process = subprocess.run(
        [sys.executable, "-c", HEEDING, *nohup],
        input=name,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.stdout, process.stderr) == output

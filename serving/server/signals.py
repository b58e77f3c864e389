"""Signals beyond those that end the service."""

from __future__ import annotations

import signal


def heed_signals() -> None:
    """Makes SIGHUP end the process as SIGTERM does, and SIGUSR1 and SIGUSR2 do nothing.

    A terminal that is closed sends SIGHUP; `nohup` has it ignored, and so it stays. There is nothing to read anew
    or to reopen: the models are reloaded when their manifest changes, and the log goes to standard output.
    """
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)

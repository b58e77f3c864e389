"""Admission control (API keys, concurrency limit) and the counters of all requests."""

from __future__ import annotations

from serving.engine.statistics import Counts, Histogram, count
from serving.errors import Busy, CheckreaderError
from serving.http.access_log import AccessLog
from serving.http.api_keys import Keys


class AdmissionControl:
    """Admits, refuses and counts the requests of one worker, over HTTP and gRPC.

    Args:
        counts: the worker's counters.
        keys: the valid API keys; None: no key is needed.
        max_requests: how many may be in flight at a time.
        access_log: records every request; None: it is off.

    Attributes:
        in_flight: requests whose reply is not sent yet; whoever handles a request keeps it up to date.
    """

    def __init__(
        self,
        counts: Counts,
        keys: Keys | None = None,
        max_requests: int = 1024,
        access_log: AccessLog | None = None,
    ) -> None:
        self.counts = counts
        self.keys = keys
        self.access_log = access_log or AccessLog()
        self.in_flight = 0
        self._max_requests = max_requests

    def admit(self, authorization: str | None) -> None:
        """Checks the request's key and the number of requests in flight.

        Args:
            authorization: the header of that name.

        Raises:
            Unauthorized: the key is missing or unknown.
            Busy: too many requests are in flight.
        """
        if self.keys is not None:
            self.keys.check(authorization)
        if self.in_flight > self._max_requests:
            raise Busy(f"too many requests: {self._max_requests} are under way; try again in a moment")

    def count_refusal(self, cause: str | Exception) -> None:
        """Counts a request that was refused or failed, by reason.

        Args:
            cause: the reason as `/metrics` shows it, or the exception that has it.
        """
        if isinstance(cause, Exception):
            cause = cause.reason if isinstance(cause, CheckreaderError) else "internal"
        count(self.counts.refused, cause)

    def record_request(self, operation: str, status: int | str, ns: int) -> None:
        """Counts a request that is over.

        Args:
            operation: method and path, or the name of the gRPC call.
            status: of the reply.
            ns: from the request's headers to its reply.
        """
        count(self.counts.requests, f"{operation} {status}")
        durations = self.counts.durations.get(operation)
        if durations is None:
            durations = self.counts.durations[operation] = Histogram()
        durations.add(ns)

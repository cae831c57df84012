"""Limits how often each client may make requests, using one token bucket per client."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_CLIENTS = 10_000  # when there are more, the least recently seen client is forgotten


class RateLimiter:
    """One token bucket per client. Safe to share between threads.

    Args:
        burst: The number of requests that a client may make without waiting.
        per_second: The number of requests that a client may make per second after the burst.
        clock: Function that returns the current time in seconds; tests replace it.

    Example:
        >>> limiter = RateLimiter(1, 0.5, clock=lambda: 7.0)
        >>> limiter.wait_s("10.0.0.1"), limiter.wait_s("10.0.0.1"), limiter.wait_s("10.0.0.2")
        (0.0, 2.0, 0.0)
    """

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client → (tokens left, time when counted)
        self._lock = threading.Lock()

    def wait_s(self, client: str) -> float:
        """Counts a request and returns 0 if the client may make it now; otherwise, returns the waiting time in seconds."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.pop(client, (self._burst, now))
            tokens = min(self._burst, tokens + (now - then) * self._per_second)
            is_allowed = tokens >= 1
            self._buckets[client] = (tokens - is_allowed, now)
            while len(self._buckets) > _MAX_CLIENTS:
                self._buckets.popitem(last=False)
            return 0.0 if is_allowed else (1 - tokens) / self._per_second

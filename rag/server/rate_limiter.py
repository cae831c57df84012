"""Limits how often a client may do something: a token bucket for each client."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MAX_CLIENTS = 10_000  # the one seen longest ago is forgotten beyond


class RateLimiter:
    """Token buckets by client. Safe to share between threads.

    Args:
        burst: How many requests a client may make at once.
        per_second: How many more it may make each second after that.
        clock: Returns seconds; for tests.

    Example:
        >>> limiter = RateLimiter(1, 0.5, clock=lambda: 7.0)
        >>> limiter.wait_s("10.0.0.1"), limiter.wait_s("10.0.0.1"), limiter.wait_s("10.0.0.2")
        (0.0, 2.0, 0.0)
    """

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client → (tokens, time of that count)
        self._lock = threading.Lock()

    def wait_s(self, client: str) -> float:
        """Returns the seconds until a client's next request is allowed; 0 allows and counts this one."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.pop(client, (self._burst, now))
            tokens = min(self._burst, tokens + (now - then) * self._per_second)
            is_allowed = tokens >= 1
            self._buckets[client] = (tokens - is_allowed, now)
            while len(self._buckets) > _MAX_CLIENTS:
                self._buckets.popitem(last=False)
            return 0.0 if is_allowed else (1 - tokens) / self._per_second

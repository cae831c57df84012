"""Login sessions, kept in memory. Each login gets a random token, and the server stores only the token's hash."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

SESSION_S = 7 * 24 * 3600.0
_MAX_SESSIONS = 1_000  # when there are more, the oldest session is dropped


class Sessions:
    """A running server's login sessions. Safe to share between threads.

    Args:
        clock: Function that returns the current time in seconds; tests replace it.

    Example:
        >>> sessions = Sessions()
        >>> token = sessions.create()
        >>> sessions.is_valid(token), sessions.is_valid("guess")
        (True, False)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiry: OrderedDict[bytes, float] = OrderedDict()  # token hash → expiry time
        self._lock = threading.Lock()

    def create(self) -> str:
        """Starts a session and returns its token."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._expiry[_digest(token)] = self._clock() + SESSION_S
            while len(self._expiry) > _MAX_SESSIONS:
                self._expiry.popitem(last=False)
        return token

    def is_valid(self, token: str) -> bool:
        """Returns whether the token belongs to a session that has not ended."""
        with self._lock:
            return self._expiry.get(_digest(token), 0.0) > self._clock()

    def end(self, token: str) -> None:
        """Ends the session that a token belongs to; an unknown token has no effect."""
        with self._lock:
            self._expiry.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

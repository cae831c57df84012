"""A token bucket for each client."""

from __future__ import annotations

import pytest

from rag.server.rate_limiter import RateLimiter


def test_a_burst_and_then_a_rate() -> None:
    """Three at once, then two a second; a rejected request does not count."""
    limiter = RateLimiter(3, 2.0, clock=iter([0.0, 0.0, 0.0, 0.0, 0.4, 0.5, 9.0]).__next__)
    assert [0, 0, 0, 0.5, pytest.approx(0.1), 0, 0] == [limiter.wait_s("a") for _ in range(7)]


def test_clients_are_counted_apart() -> None:
    """One client's requests do not delay another's."""
    limiter = RateLimiter(1, 1.0, clock=lambda: 0.0)
    assert [0.0, 1.0, 0.0] == [limiter.wait_s(client) for client in ("a", "a", "b")]

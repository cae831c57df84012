"""Login sessions end by themselves, on logout, and when there are too many."""

from __future__ import annotations

from rag.server.sessions import SESSION_S, Sessions


def test_a_session_expires() -> None:
    """After a week."""
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    token = sessions.create()
    now[0] = SESSION_S - 1
    assert sessions.is_valid(token)
    now[0] = SESSION_S
    assert not sessions.is_valid(token)


def test_a_session_ends_on_logout() -> None:
    """It alone; an unknown token ends nothing."""
    sessions = Sessions()
    first, second = sessions.create(), sessions.create()
    sessions.end(first)
    sessions.end("unknown")
    assert [False, True] == [sessions.is_valid(token) for token in (first, second)]


def test_the_oldest_session_makes_room() -> None:
    """A thousand are kept."""
    sessions = Sessions()
    tokens = [sessions.create() for _ in range(1001)]
    assert [False, True, True] == [sessions.is_valid(tokens[n]) for n in (0, 1, 1000)]

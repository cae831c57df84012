"""Clients that are slow on purpose: headers and bodies with deadlines, and places for unfinished requests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rag.server import connections
from rag.server.connections import (
    IncompleteRequests,
    LimitedProtocol,
    Message,
    Slots,
    SlowRequestError,
    TooLargeError,
    timely,
    whole_body,
)

from ..asking import Caller
from ..browsing import fetch, served
from .conftest import PASSWORD, QUESTION, USER, login


def receive_from(*parts: tuple[float, bytes, bool]):
    """Returns a receive function whose messages come after a pause: (pause in seconds, body, whether more follows)."""
    waiting = list(parts)

    async def receive() -> Message:
        pause_s, body, more = waiting.pop(0) if waiting else (1000.0, b"", False)
        await asyncio.sleep(pause_s)
        return {"type": "http.request", "body": body, "more_body": more}

    return receive


def test_a_whole_body_is_one_message() -> None:
    receive = timely(receive_from((0, b"one ", True), (0.01, b"two", False)), 100)

    assert b"one two" == asyncio.run(whole_body(receive))["body"]


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([(1000, b"", False)], SlowRequestError),
        ([(0, b"a", True), (1000, b"", False)], SlowRequestError),
        ([(0.06, b"a", True)] * 20, SlowRequestError),  # no part is late, but all of them are too slow
        ([(0, b"a" * 60, True), (0, b"a" * 60, False)], TooLargeError),
    ],
)
def test_late_and_large_bodies(
    parts: list[tuple[float, bytes, bool]], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_BODY_S", 0.2)
    monkeypatch.setattr(connections, "_BYTES_PER_S", 1000)
    with pytest.raises(error):
        asyncio.run(whole_body(timely(receive_from(*parts), 100)))


def test_the_oldest_gives_way() -> None:
    """A client that only begins its requests loses the first of them; one whose request is complete is served."""

    async def crowd() -> tuple[list[object], Message]:
        incomplete = IncompleteRequests(2, 3)
        started = [
            asyncio.create_task(incomplete.body(receive_from((0, b"a", True)), client))
            for client in ("a", "a", "a", "b", "c")
        ]
        await asyncio.sleep(0.05)
        served = await incomplete.body(receive_from((0, b"whole", False)), "a")
        ended = [task.exception() if task.done() else None for task in started]
        for task in started:
            task.cancel()
        return ended, served

    ended, served = asyncio.run(crowd())
    assert [True, True, False, False, False] == [isinstance(one, SlowRequestError) for one in ended], ended
    assert b"whole" == served["body"]


def test_places_are_freed() -> None:
    slots = Slots(2, 3)
    assert [True, True, False, True, False] == [slots.take(client) for client in ("a", "a", "a", "b", "b")]
    slots.release("a")
    assert [True, False] == [slots.take(client) for client in ("b", "a")]


def test_exempt_hosts() -> None:
    protocol = LimitedProtocol.without_limit_for("127.0.0.0/8", "10.0.0.7")

    assert ["127.0.0.0/8", "10.0.0.7/32"] == [str(network) for network in protocol.exempt]
    assert protocol.slots is not LimitedProtocol.slots


@contextlib.contextmanager
def half_sent(address: str, request: bytes, count: int) -> Iterator[list[socket.socket]]:
    """Opens connections, each with the beginning of a request."""
    host = urlsplit(address)
    opened = []
    try:
        for _ in range(count):
            opened.append(socket.create_connection((host.hostname or "", host.port or 0), timeout=30))
            opened[-1].sendall(request.replace(b"HOST", host.netloc.encode()))
        yield opened
    finally:
        for one in opened:
            one.close()


def post(path: bytes) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5000\r\n\r\n{"


@pytest.mark.page
def test_half_sent_questions_block_nobody(address: str) -> None:
    """Others ask and are answered; the halves are ended after their deadline."""
    Caller(address).ask(QUESTION)
    with half_sent(address, post(b"/gradio_api/queue/join"), 100) as halves:
        begun = time.monotonic()
        assert "rare earth" in Caller(address).ask(QUESTION).conversation
        assert time.monotonic() - begun < 5
        first = [half.recv(200).split(b"\r\n")[0] for half in halves]
        assert time.monotonic() - begun < 15
    assert {b"HTTP/1.1 408 Request Timeout"} == set(first)


@pytest.mark.page
def test_half_sent_headers_are_ended(address: str) -> None:
    with half_sent(address, b"GET / HTTP/1.1\r\nHost: HO", 50) as halves:
        begun = time.monotonic()
        assert 200 == fetch(address, "/").status
        assert {b""} == {half.recv(200) for half in halves}
        assert 8 < time.monotonic() - begun < 15


@pytest.mark.page
def test_half_sent_logins_block_nobody(guarded: str) -> None:
    with half_sent(guarded, post(b"/login"), 60):
        assert login(guarded, password="wrong").status in (401, 429)
        assert 200 == fetch(guarded, "/login").status


@pytest.mark.page
def test_only_named_proxies_are_believed(tmp_path: Path) -> None:
    """Others cannot evade the login limit, and do not decide whether the cookie is secure."""
    (tmp_path / "seeds").mkdir()
    command = [sys.executable, "-m", "rag.cli", "account", USER, "--password-stdin"]
    subprocess.run(command, cwd=tmp_path, input=PASSWORD + "\n", text=True, check=True, capture_output=True, timeout=60)

    def attempts(address: str) -> list[int]:
        form = f"user={USER}&password=wrong"
        kind = "application/x-www-form-urlencoded"
        headers = [{"X-Forwarded-For": f"203.0.113.{n}", "X-Forwarded-Proto": "https"} for n in range(14)]
        return [fetch(address, "/login", "POST", form, Content_Type=kind, **one).status for one in headers]

    def is_secure(address: str) -> bool:
        form = f"user={USER}&password={PASSWORD.replace(' ', '+')}"
        reply = fetch(
            address, "/login", "POST", form,
            **{"Content_Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https"},
        )  # fmt: skip
        return "secure" in reply.headers["set-cookie"].lower()

    with served(tmp_path, "--name", "rag.example") as address:
        assert not is_secure(address)
        assert 429 in attempts(address)
    assert "use --proxy" in (tmp_path / "said.txt").read_text()
    with served(tmp_path, "--name", "rag.example", "--proxy", "127.0.0.1") as address:
        assert is_secure(address)
        assert {401} == set(attempts(address))
    refused = subprocess.run(
        [sys.executable, "-m", "rag.cli", "ui", "--proxy", "my proxy"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (1, True) == (refused.returncode, "is not the address of a proxy" in refused.stderr)

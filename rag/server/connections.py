"""Limits what one client can occupy: connections, and the time that it takes to send a request's headers and body."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_HEADERS_S = 10.0  # time to send a request's headers
_BODY_S, _BYTES_PER_S = 10.0, 20_000  # a body of n bytes must arrive within 10 s and one more second per 20,000 bytes
_CONNECTIONS, _ALL_CONNECTIONS = 100, 1_000  # per client, and in all; a browser opens six


class SlowRequestError(Exception):
    """A request's body did not arrive in time."""


class TooLargeError(Exception):
    """A request's body is larger than allowed."""


class Slots:
    """Counts how many places each client occupies.

    Args:
        per_client: Maximum number of places for one client.
        total: Maximum number of places for all clients together.

    Example:
        >>> slots = Slots(1, 2)
        >>> slots.take("a"), slots.take("a"), slots.take("b"), slots.take("c")
        (True, False, True, False)
    """

    def __init__(self, per_client: int, total: int) -> None:
        self._per_client = per_client
        self._total = total
        self._taken: Counter[str] = Counter()

    def take(self, client: str) -> bool:
        """Occupies a place, unless the client or all clients together have too many. Returns whether it did."""
        if self._taken[client] >= self._per_client or self._taken.total() >= self._total:
            return False
        self._taken[client] += 1
        return True

    def release(self, client: str) -> None:
        """Frees a place that was taken."""
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]


class IncompleteRequests:
    """The requests whose body has not arrived. When there are too many, the oldest one gives way to the newest.

    A client that sends its requests properly is therefore never refused because of others that only begin theirs.

    Args:
        per_client: Maximum number of incomplete requests from one client.
        total: Maximum number of incomplete requests in all.
    """

    def __init__(self, per_client: int, total: int) -> None:
        self._per_client = per_client
        self._total = total
        self._waiting: dict[asyncio.Timeout, str] = {}  # the client of each request, oldest first

    async def body(self, receive: Receive, client: str) -> Message:
        """Receives a request's complete body as one message.

        Raises:
            SlowRequestError: The request had to give way, or its body does not arrive fast enough.
            TooLargeError: The body is too large.
        """
        try:
            async with asyncio.timeout(None) as place:
                self._make_room(client)
                self._waiting[place] = client
                try:
                    return await whole_body(receive)
                finally:
                    self._waiting.pop(place, None)
        except TimeoutError:
            raise SlowRequestError from None

    def _make_room(self, client: str) -> None:
        own = [place for place, owner in self._waiting.items() if owner == client]
        crowded = own if len(own) >= self._per_client else list(self._waiting)[: len(self._waiting) >= self._total]
        if crowded:
            self._waiting.pop(crowded[0])
            crowded[0].reschedule(asyncio.get_running_loop().time())


def timely(receive: Receive, max_bytes: int) -> Receive:
    """Returns a function that receives the parts of a request's body, and raises an error if they are late or too many.

    Raises:
        SlowRequestError: Raised by the returned function; the body does not arrive fast enough.
        TooLargeError: Raised by the returned function; the body exceeds `max_bytes`, whatever its Content-Length says.
    """
    started: float | None = None
    size, is_complete = 0, False

    async def receive_in_time() -> Message:
        nonlocal started, size, is_complete
        if is_complete:  # what follows is only the client's disconnection, for which there is no deadline
            return await receive()
        now = asyncio.get_running_loop().time()
        started = now if started is None else started
        try:
            async with asyncio.timeout_at(started + _BODY_S + size / _BYTES_PER_S):
                message = await receive()
        except TimeoutError:
            raise SlowRequestError from None
        size += len(message.get("body", b""))
        if size > max_bytes:
            raise TooLargeError
        is_complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return receive_in_time


async def whole_body(receive: Receive) -> Message:
    """Receives a request's complete body as one message, or the message that says that the client has disconnected."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return {"type": "http.request", "body": b"".join(parts), "more_body": False}


class LimitedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen when uvicorn is imported
    """uvicorn's HTTP protocol with a deadline for headers and a limit on each client's connections.

    Attributes:
        exempt: Networks of hosts that may open any number of connections: this machine, and reverse proxies.
        slots: The connections of the other hosts.
    """

    exempt: Sequence[IPv4Network | IPv6Network] = ()
    slots = Slots(_CONNECTIONS, _ALL_CONNECTIONS)

    _client = ""  # the client, if it occupies a place
    _late: asyncio.TimerHandle | None = None

    @classmethod
    def without_limit_for(cls, *hosts: str) -> type[LimitedProtocol]:
        """Returns the protocol for a server, with the addresses or networks of hosts that are exempt."""
        networks = [ip_network(host) for host in hosts]
        return type("ServerProtocol", (cls,), {"exempt": networks, "slots": Slots(_CONNECTIONS, _ALL_CONNECTIONS)})

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Ends the connection at once if its client has too many."""
        super().connection_made(transport)
        peer = str((transport.get_extra_info("peername") or ["::"])[0])
        if not any(ip_address(peer.partition("%")[0]) in network for network in self.exempt):
            if not self.slots.take(peer):
                transport.abort()
                return
            self._client = peer
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Starts or stops the wait for a request's headers."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:  # the headers are complete
            self._stop_waiting()
        elif self._late is None and (before is None or before.response_complete):
            self._expect_headers()

    def connection_lost(self, error: Exception | None) -> None:
        """Frees the client's place."""
        self._stop_waiting()
        if self._client:
            self.slots.release(self._client)
            self._client = ""
        super().connection_lost(error)

    def _expect_headers(self) -> None:
        self._late = asyncio.get_running_loop().call_later(_HEADERS_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

"""Protects the server by checking every request and adding security headers to every response.

Documents and model output may contain malicious markup. The first line of defence is the function `escaped` in
`rag.server.page.views.markup`; the second is the content security policy in this module.
"""

from __future__ import annotations

import ipaddress
import math
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from rag.server.connections import IncompleteRequests, Receive, SlowRequestError, TooLargeError, timely
from rag.server.rate_limiter import RateLimiter
from rag.server.sessions import Sessions
from rag.server.uploads import UploadSpace

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "rag-session"
LOGIN = "/login"
# Served without login: the login form, and the path that a page polls after losing its connection.
_PUBLIC = (LOGIN, "/gradio_api/app_id")
_MAX_BODY_BYTES = 8_000_000  # per request; the largest requests contain a whole conversation from the browser's storage
_MAX_UPLOAD_BYTES = 600_000_000  # per upload
_MAX_LOGIN_BYTES = 10_000
_UPLOAD, _ASK = "/gradio_api/upload", "/gradio_api/queue/join"
# The page loads nothing from other origins. Gradio needs inline scripts and styles.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",  # with "no-referrer", browsers would submit our own forms with the origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# The paths that the page needs. Gradio's other paths are blocked; some expose files or other users' data.
_ALLOWED_PATHS = re.compile(
    r"/(?:theme\.css|favicon\.ico|config|login|logout)?"
    r"|/(?:assets|static|svelte)/[A-Za-z0-9_./~@+-]{0,200}"
    r"|/gradio_api/(?:queue/(?:join|data)|heartbeat/[a-z0-9]+|cancel|reset|upload|upload_progress|startup-events|app_id)/?"
    r"|/documents/[0-9]{1,18}(?:/pages/[0-9]{1,6})?|/runs/[0-9]{1,18}"
)
# The rate limit per client. A browser loads about a hundred files at first and only a few later. All clients behind the
# same proxy may look like one client.
_BURST, _PER_SECOND = 600, 60
_MAX_JOINING = 64  # limit on questions waiting to enter Gradio's queue; even rejecting a question takes Gradio 2 ms
_INCOMPLETE, _ALL_INCOMPLETE = 16, 256  # requests whose body has not arrived completely: per client, and in all
_RETRY_AFTER = {"retry-after": "2"}  # how many seconds a client should wait before it tries again when the queue is full

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class SecurityMiddleware:
    """Adds security headers to every response, and rejects requests that should not reach the application.

    A request is rejected if it is addressed to another host or an unknown path, comes from another website, requires a
    login but has no valid session, is too large, or exceeds the client's rate limit.

    Args:
        app: The application behind the middleware.
        uploads: The disk space for uploads.
        host_names: Host names to accept in addition to this machine's own. Requests for other names are rejected, because
            an attacker may have pointed another host name at this address (DNS rebinding).
        sessions: The login sessions; None if no login is required.
    """

    def __init__(
        self, app: App, uploads: UploadSpace, host_names: Iterable[str] = (), sessions: Sessions | None = None
    ) -> None:
        self._app = app
        self._uploads = uploads
        self._host_names = {*LOOPBACK, *(name.lower() for name in host_names)}
        self._sessions = sessions
        self._limiter = RateLimiter(_BURST, _PER_SECOND)
        self._incomplete = IncompleteRequests(_INCOMPLETE, _ALL_INCOMPLETE)
        self._joining = 0  # questions that Gradio has neither accepted nor rejected yet

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # the page does not use websockets
        else:
            await self._handle(scope, receive, send)

    async def _handle(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        max_bytes = {_UPLOAD: _MAX_UPLOAD_BYTES, LOGIN: _MAX_LOGIN_BYTES}.get(scope["path"], _MAX_BODY_BYTES)
        rejection = self._rejection(scope, headers, max_bytes)
        if rejection is not None:
            await _reject(send, rejection)
            return
        receive = timely(receive, max_bytes)
        try:
            if scope["path"] == _UPLOAD:
                await self._upload(scope, receive, send, int(headers.get("content-length", max_bytes)))
            else:
                await self._answer(scope, await self._body(scope, receive), send)
        except SlowRequestError:
            await _reject(send, _Rejection(408, "the request did not arrive in time", {"connection": "close"}))
        except TooLargeError:
            await _reject(send, _Rejection(413, "the request is too large", {"connection": "close"}))

    async def _body(self, scope: Message, receive: Receive) -> Receive:
        """Waits for the request's body, so that only complete requests reach the application."""
        waiting = [await self._incomplete.body(receive, client_of(scope))]

        async def receive_whole() -> Message:
            return waiting.pop() if waiting else await receive()

        return receive_whole

    async def _upload(self, scope: Message, receive: Receive, send: Send, size: int) -> None:
        """Passes an upload on while it arrives, because it is too large to be kept in memory."""
        with self._uploads.reserve(size) as has_space:
            if has_space:
                await self._app(scope, _disconnected_if_late(receive), _with_headers(send))
            else:
                await _reject(send, _Rejection(507, "no space for more uploads; try again later", {"connection": "close"}))

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == _ASK:
            if self._joining >= _MAX_JOINING:
                await _reject(send, _Rejection(503, "too many questions at once; try again in a moment", _RETRY_AFTER))
                return
            self._joining += 1
        try:
            await self._app(scope, receive, _with_headers(send))
        finally:
            self._joining -= scope["path"] == _ASK

    def _rejection(self, scope: Message, headers: dict[str, str], max_bytes: int) -> _Rejection | None:
        """Returns the response that rejects a request; None if the request is allowed."""
        if not self._is_our_host(headers.get("host", "")):
            return _Rejection(400, "unknown host name; to allow it, start the server with: rag ui --name NAME")
        if not _ALLOWED_PATHS.fullmatch(scope["path"]) or ".." in scope["path"]:
            return _Rejection(404, "not found")
        if _is_cross_origin(scope["method"], headers):
            return _Rejection(403, "requests from other websites are not allowed")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > max_bytes:
            return _Rejection(413, "the request is too large")
        if self._needs_login(scope["path"], headers):
            if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
                return _Rejection(303, "log in first", {"location": LOGIN})
            return _Rejection(401, "log in first")
        wait_s = self._limiter.wait_s(client_of(scope))
        if wait_s:
            retry_after = {"retry-after": str(math.ceil(wait_s))}
            return _Rejection(429, "too many requests; try again in a moment", retry_after)
        return None

    def _needs_login(self, path: str, headers: dict[str, str]) -> bool:
        if self._sessions is None or path in _PUBLIC:
            return False
        return not self._sessions.is_valid(session_token(headers))

    def _is_our_host(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._host_names:
            return True
        # DNS rebinding works only with a host name, so if login is required, any IP address is accepted as the host.
        return self._sessions is not None and _is_address(name)


def machine_names() -> list[str]:
    """Returns the host names that other machines on the network may use for this machine."""
    name = socket.gethostname()
    return [name, f"{name}.local", socket.getfqdn()]


def session_token(headers: Mapping[str, str]) -> str:
    """Returns the session token from a request's cookies; empty if no cookie contains a token.

    Args:
        headers: The request's headers, with names in lower case.
    """
    # http.cookies is unsuitable: if one cookie is malformed, it drops all cookies that follow.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


def client_of(scope: Mapping[str, Any]) -> str:
    """Returns the client whose rate limit applies to a request: an IPv4 address, or the /64 network of an IPv6 address."""
    host: str = scope["client"][0] if scope.get("client") else ""
    if _is_address(host) and ":" in host:
        return str(ipaddress.ip_network(f"{host.partition('%')[0]}/64", strict=False))
    return host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_cross_origin(method: str, headers: dict[str, str]) -> bool:
    """Returns True if a page from another origin made the request, except when the user followed a link on that page."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        return True
    if headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none"):
        return False
    # Other sites may link to this page, but they may not embed its content or send it requests.
    return method not in ("GET", "HEAD") or headers.get("sec-fetch-mode") != "navigate"


@dataclass(frozen=True, slots=True)
class _Rejection:
    """The response to a request that is not allowed; `message` must be ASCII."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


async def _reject(send: Send, rejection: _Rejection) -> None:
    content = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(rejection.message))}
    headers = {**HEADERS, **content, **rejection.headers}
    encoded = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": rejection.status, "headers": encoded})
    await send({"type": "http.response.body", "body": rejection.message.encode()})


def _with_headers(send: Send) -> Send:
    """Adds the security headers to a response, and a Retry-After header if Gradio's queue is full (status 503)."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = {key.encode(): value.encode() for key, value in HEADERS.items()}
            if message["status"] == 503:
                added[b"retry-after"] = _RETRY_AFTER["retry-after"].encode()
            others = [(key, value) for key, value in message["headers"] if key.lower() not in added]
            message["headers"] = [*others, *added.items()]
        await send(message)

    return send_with_headers


def _disconnected_if_late(receive: Receive) -> Receive:
    """Tells the application that the client has disconnected if its upload is late or too large."""

    async def receive_or_disconnect() -> Message:
        try:
            return await receive()
        except (SlowRequestError, TooLargeError):
            return {"type": "http.disconnect"}

    return receive_or_disconnect

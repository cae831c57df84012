"""What stands before the page: who may ask it for what, and what a browser may do with its replies.

Pure ASGI. The policy is the second wall against what documents and models write; the first is `escaped` of
`rag.server.page.views.answer_view`.
"""

from __future__ import annotations

import ipaddress
import math
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from rag.server.accounts import Rate, Sessions

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "rag-session"
LOGIN = "/login"
# Without a session: the way in, and what a page that lost its server asks again and again before it loads itself anew.
_ANYONE = (LOGIN, "/gradio_api/app_id")
_MOST_BODY = 8_000_000  # bytes a request may carry: a conversation that a browser kept
_MOST_UPLOAD = 600_000_000  # bytes of files at once
_MOST_LOGIN = 10_000
_UPLOAD, _ASK = "/gradio_api/upload", "/gradio_api/queue/join"
# What the page may load: from itself, nothing else. Gradio needs inline scripts and styles.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",  # with none at all, a browser posts our own forms as from a page of nowhere
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# All that the page and its readers need. Gradio has much more: proxies, files by path, editors, other people's runs.
_OPEN = re.compile(
    r"/(?:theme\.css|favicon\.ico|config|login|logout)?"
    r"|/(?:assets|static|svelte)/[A-Za-z0-9_./~@+-]{0,200}"
    r"|/gradio_api/(?:queue/(?:join|data)|heartbeat/[a-z0-9]+|cancel|reset|upload|upload_progress|startup-events|app_id)/?"
    r"|/documents/[0-9]{1,18}(?:/pages/[0-9]{1,6})?|/runs/[0-9]{1,18}"
)
# A browser asks for a hundred files to begin with, and then now and then; behind a proxy all clients look like one.
_AT_ONCE, _A_SECOND = 600, 60
_MOST_JOINING = 64  # Gradio takes 2 ms for each, if only to say that its queue is full
_WAIT_S = 2  # after a full queue

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Walls:
    """Security headers on every reply; no request for another host, from a foreign page, too large, or too many.

    Args:
        app: What stands behind them.
        names: Hosts it answers to, besides the addresses of this machine; a page that was given another name (DNS
            rebinding) is refused.
        sessions: Who is logged in, where that is demanded.
    """

    def __init__(self, app: App, names: Iterable[str] = (), sessions: Sessions | None = None) -> None:
        self._app = app
        self._names = {*LOOPBACK, *(name.lower() for name in names)}
        self._sessions = sessions
        self._rate = Rate(_AT_ONCE, _A_SECOND)
        self._joining = 0  # requests to ask that Gradio has not let in, or refused, yet

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # the page has none
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        most = {_UPLOAD: _MOST_UPLOAD, LOGIN: _MOST_LOGIN}.get(scope["path"], _MOST_BODY)
        refusal = self._refusal(scope, headers, most)
        if refusal is not None:
            await _refuse(send, *refusal)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {key.encode(): value.encode() for key, value in HEADERS.items()}
                if message["status"] == 503:
                    own[b"retry-after"] = str(_WAIT_S).encode()
                kept = [(key, value) for key, value in message["headers"] if key.lower() not in own]
                message["headers"] = [*kept, *own.items()]
            await send(message)

        if scope["path"] == _ASK:
            if self._joining >= _MOST_JOINING:
                await _refuse(send, 503, "too many questions at once; try again in a moment", {"retry-after": str(_WAIT_S)})
                return
            self._joining += 1
        try:
            await self._app(scope, _limited(receive, most), send_with_headers)
        finally:
            self._joining -= scope["path"] == _ASK

    def _refusal(self, scope: Message, headers: dict[str, str], most: int) -> tuple[int, str, dict[str, str]] | None:
        """(status, words, headers) for a request that must not pass; None for one that may."""
        if not self._is_ours(headers.get("host", "")):
            return 400, "this page is not served under that name", {}
        if not _OPEN.fullmatch(scope["path"]) or ".." in scope["path"]:
            return 404, "there is no such page", {}
        if _is_foreign(scope["method"], headers):
            return 403, "requests from other pages are refused", {}
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > most:
            return 413, "the request is too large", {}
        if self._sessions is not None and scope["path"] not in _ANYONE and not self._sessions.holds(session_of(headers)):
            if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
                return 303, "log in first", {"location": LOGIN}
            return 401, "log in first", {}
        wait_s = self._rate.wait_s(client_of(scope))
        if wait_s:
            return 429, "too many requests; try again in a moment", {"retry-after": str(math.ceil(wait_s))}
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._names:
            return True
        # An address is no name that another could have given us. It is checked where there is an account.
        return self._sessions is not None and _is_address(name)


def names_of_this_machine() -> list[str]:
    """What others on its network may call it."""
    name = socket.gethostname()
    return [name, f"{name}.local", socket.getfqdn()]


def session_of(headers: Mapping[str, str]) -> str:
    """The token that a browser sent; empty if it sent none."""
    # Not the standard library's: it drops all cookies after one of another program that it does not like.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")


def client_of(scope: Mapping[str, Any]) -> str:
    """Whose requests are counted together: an address, or the network that one household has of IPv6."""
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


def _is_foreign(method: str, headers: dict[str, str]) -> bool:
    """Whether a page of another origin makes the request, or lets its reader make it."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        return True
    if headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none"):
        return False
    # Another page may lead its reader here; it may not have their browser load parts of this one.
    return method not in ("GET", "HEAD") or headers.get("sec-fetch-mode") != "navigate"


async def _refuse(send: Send, status: int, words: str, more: dict[str, str]) -> None:
    headers = {**HEADERS, "content-type": "text/plain; charset=utf-8", "content-length": str(len(words)), **more}
    encoded = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": words.encode()})


def _limited(receive: Receive, most: int) -> Receive:
    """Ends a request whose body grows past the limit without having said so."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return message if size <= most else {"type": "http.disconnect"}

    return limited

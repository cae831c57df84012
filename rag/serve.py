"""The server of the page: FastAPI outermost, with the walls a browser can hold; Gradio is mounted inside.

Listens on this machine only. The home of fastapi and uvicorn.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import fastapi
import uvicorn
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rag.errors import IndexBusyError, RagError, SettingsError
from rag.library import Library
from rag.records import Progress
from rag.settings import Settings
from rag.watch import changes

_log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MOST_BODY = 8_000_000  # bytes a request may carry: the conversations that a browser keeps
_MOST_UPLOAD = 600_000_000  # bytes of files at once
_UPLOAD = "/gradio_api/upload"
# What the page may load: from itself, nothing else. Gradio needs inline scripts and styles.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def serve(settings: Settings, host: str, port: int) -> None:
    """Serves the page until it is interrupted.

    Raises:
        SettingsError: The address is not of this machine only, or taken.
    """
    if host not in _LOOPBACK:
        raise SettingsError(
            f"the page listens on this machine only, not on {host!r}", "reach it from elsewhere through an SSH tunnel"
        )
    listening = _listen(host, port)
    with Library.open(settings.index, settings) as library:
        ended, in_step = threading.Event(), threading.Event()
        app = make_app(library, in_step)
        following = threading.Thread(target=_follow, args=(library, ended, in_step))
        following.start()
        name = f"[{host}]" if ":" in host else host
        print(f"rag: http://{name}:{listening.getsockname()[1]}  (Ctrl-C ends it)", flush=True)
        try:
            uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)).run(sockets=[listening])
        finally:
            ended.set()
            following.join()


def make_app(library: Library, in_step: threading.Event | None = None) -> fastapi.FastAPI:
    """The whole server over one library; `in_step` is set once its folder was looked at."""
    from rag.page import app, sources

    outer = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @outer.get("/documents/{document_id}")
    def document(document_id: int, marked: str = "") -> fastapi.Response:
        """All of a document, some spans marked ("12-30,55-80")."""
        try:
            found = library.document_by_id(document_id)
        except RagError as error:
            return fastapi.Response(str(error), 404, media_type="text/plain")
        return fastapi.Response(sources.whole(found, _spans(marked)), media_type="text/html")

    @outer.get("/documents/{document_id}/pages/{page}")
    def printed(document_id: int, page: int, marked: str = "") -> fastapi.Response:
        """A page of a PDF as it is printed, the lines of some spans marked."""
        return _picture(library, document_id, page, marked)

    @outer.get("/runs/{number}")
    def evaluation(number: int, beside: Annotated[int | None, fastapi.Query(alias="with")] = None) -> fastapi.Response:
        """A run with all its questions, or two of them compared."""
        return _run_page(library, number, beside)

    app.mount(outer, library, in_step)
    outer.add_middleware(_Walls)
    outer.add_middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK, "[::1]"])
    return outer


class _Walls:
    """Security headers on every reply; no request from a foreign page, none with a large body."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        most = _MOST_UPLOAD if scope["path"] == _UPLOAD else _MOST_BODY
        refusal = _refusal(scope["method"], headers, most)
        if refusal:
            await fastapi.Response(refusal[1], refusal[0], headers=_HEADERS)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {key.encode(): value.encode() for key, value in _HEADERS.items()}
                kept = [(key, value) for key, value in message["headers"] if key.lower() not in own]
                message["headers"] = [*kept, *own.items()]
            await send(message)

        await self._app(scope, _limited(receive, most), send_with_headers)


def _refusal(method: str, headers: dict[str, str], most: int) -> tuple[int, str] | None:
    """(status, words) for a request that must not pass; None for one that may."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return 403, "requests from other pages are refused"
    if method not in ("GET", "HEAD", "OPTIONS") and headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        return 403, "requests from other pages are refused"
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > most:
        return 413, "the request is too large"
    return None


def _run_page(library: Library, number: int, beside: int | None) -> fastapi.Response:
    from rag import compare, report

    try:
        run = library.evaluations.load(number)
        if beside is None:
            page = report.html(run)
        else:
            other = library.evaluations.load(beside)
            page = report.comparison_html(run, other, compare.compare(run, other))
    except RagError as error:
        return fastapi.Response(str(error), 404, media_type="text/plain")
    return fastapi.Response(page, media_type="text/html")


def _picture(library: Library, document_id: int, page: int, marked: str) -> fastapi.Response:
    try:
        picture = library.picture(document_id, page, _spans(marked))
    except RagError as error:
        return fastapi.Response(str(error), 404, media_type="text/plain")
    return fastapi.Response(picture, media_type="image/png", headers={"cache-control": "private, max-age=600"})


def _spans(marked: str) -> list[tuple[int, int]]:
    found = re.findall(r"(\d{1,12})-(\d{1,12})", marked[:10_000])
    return [(int(start), int(end)) for start, end in found]


def _limited(receive: Receive, most: int) -> Receive:
    """Ends a request whose body grows past the limit without having said so."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return message if size <= most else {"type": "http.disconnect"}

    return limited


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"port {port} of {host} cannot be used ({error.strerror})", "another: rag ui --port 0"
        ) from None
    return listening


def _follow(library: Library, ended: threading.Event, in_step: threading.Event) -> None:
    """Keeps the library in step with its folder while the page is open; first loads what a question needs."""
    said = ""

    def tried(work: Callable[[], object]) -> None:
        nonlocal said
        try:
            work()
        except IndexBusyError:
            pass  # another process is importing: it does this one's work
        except Exception as error:  # whatever it is, the page goes on answering, and looking
            if str(error) != said and not ended.is_set():
                said = str(error)
                _log.warning("%s", error)

    def stop_if_ended(_: Progress) -> None:
        if ended.is_set():
            raise RagError("the page was closed")

    folder = library.settings.documents
    warm = False
    for _ in changes(Path(folder).expanduser(), ended) if folder else (None,):
        if folder:
            tried(lambda: library.sync(folder, progress=stop_if_ended, patience_s=0))
        in_step.set()
        if not warm:
            tried(library.warm)
            warm = True
        tried(library.fill)

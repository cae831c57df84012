"""The server of the page: FastAPI outermost, with the walls a browser can hold; Gradio is mounted inside.

Listens on this machine only, unless there is an account. The home of fastapi and uvicorn.
"""

from __future__ import annotations

import logging
import math
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs

import anyio
import fastapi
import uvicorn

from rag.errors import IndexBusyError, RagError, SettingsError
from rag.library import Library
from rag.records import Progress
from rag.server import accounts
from rag.server.middleware import COOKIE, LOGIN, LOOPBACK, Walls, client_of, names_of_this_machine, session_of
from rag.settings import Settings
from rag.sources.watching import changes

_log = logging.getLogger(__name__)

_TRIES, _TRY_EVERY_S = 10, 6.0  # to log in: so many of a client at once, then one every so many seconds
_ALL_TRIES = 60  # of all clients at once, then one a second


def serve(
    settings: Settings, host: str, port: int, *, names: tuple[str, ...] = (), certificate: str = "", key: str = ""
) -> None:
    """Serves the page until it is interrupted. Beyond this machine it demands the account of the index.

    Args:
        settings: What is in force.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        names: Further names it is reached by, such as that of a proxy.
        certificate: File of the certificate it identifies itself by, PEM; empty = without encryption.
        key: File of that certificate's key.

    Raises:
        SettingsError: The address is taken or none of this machine, others could reach it and there is no account, or the
            certificate cannot be used.
    """
    is_reached = host not in LOOPBACK or bool(names)  # a name is that of a proxy, which others reach
    owner = accounts.load(Path(settings.index)) if is_reached else None
    if owner is None and is_reached:
        raise SettingsError(
            f"on {', '.join((host, *names))} others could reach the page, and there is no account",
            "make one: rag account NAME; or stay on this machine, and reach it through an SSH tunnel",
        )
    _check_certificate(certificate, key)
    listening = _listen(host, port)
    with (
        tempfile.TemporaryDirectory(prefix="rag-uploads-", ignore_cleanup_errors=True) as uploads,
        Library.open(settings.index, settings) as library,
    ):
        ended, in_step = threading.Event(), threading.Event()
        app = make_app(library, Path(uploads), in_step, owner=owner, names=names, is_encrypted=bool(certificate))
        config = uvicorn.Config(
            app, log_level="warning", timeout_graceful_shutdown=3, server_header=False, proxy_headers=bool(names),
            ssl_certfile=certificate or None, ssl_keyfile=key or None,
        )  # fmt: skip
        following = threading.Thread(target=_follow, args=(library, ended, in_step))
        following.start()
        name = f"[{host}]" if ":" in host else host
        address = f"{'https' if certificate else 'http'}://{name}:{listening.getsockname()[1]}"
        print(f"rag: {address}  (Ctrl-C ends it)", flush=True)
        if owner is not None:
            print(f"rag: {_who_may(owner.user, bool(certificate))}", flush=True)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            ended.set()
            following.join()


def _who_may(user: str, is_encrypted: bool) -> str:
    may = f"others on the network can reach it, as {user!r}"
    plainly = "; password and documents travel unencrypted: give --certificate and --key, or put a proxy with TLS before it"
    return may if is_encrypted else may + plainly


def _check_certificate(certificate: str, key: str) -> None:
    if certificate or key:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key or None)
        except OSError as error:
            why = error.strerror or str(error)
            raise SettingsError(
                f"the certificate cannot be used ({why})", "both files are PEM; the key has no password"
            ) from None


def make_app(
    library: Library,
    uploads: Path,
    in_step: threading.Event | None = None,
    *,
    owner: accounts.Account | None = None,
    names: tuple[str, ...] = (),
    is_encrypted: bool = False,
) -> fastapi.FastAPI:
    """The whole server over one library.

    Args:
        library: What is asked.
        uploads: A folder of this process alone, for files until they are taken in.
        in_step: Set once its folder was looked at.
        owner: Who may come in; anyone if None.
        names: Hosts it answers to, besides this machine's.
        is_encrypted: Whether it is reached by https.
    """
    from rag.server.page import app
    from rag.server.page.views import static_pages

    outer = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @outer.get("/documents/{document_id}")
    def document(document_id: int, marked: str = "") -> fastapi.Response:
        """All of a document, some spans marked ("12-30,55-80")."""
        return _html(static_pages.whole(library.document_by_id(document_id), _spans(marked)))

    @outer.get("/documents/{document_id}/pages/{page}")
    def printed(document_id: int, page: int, marked: str = "") -> fastapi.Response:
        """A page of a PDF as it is printed, the lines of some spans marked."""
        picture = library.page_image(document_id, page, _spans(marked))
        return fastapi.Response(picture, media_type="image/png", headers={"cache-control": "private, max-age=600"})

    @outer.get("/runs/{number}")
    def evaluation(number: int, beside: Annotated[int | None, fastapi.Query(alias="with")] = None) -> fastapi.Response:
        """A run with all its questions, or two of them compared."""
        return _html(_run_page(library, number, beside))

    @outer.exception_handler(RagError)
    def not_there(_: fastapi.Request, error: RagError) -> fastapi.Response:
        return fastapi.Response(str(error), 404, media_type="text/plain")

    sessions = accounts.Sessions() if owner is not None else None
    if owner is not None and sessions is not None:
        _add_door(outer, owner, sessions, is_encrypted)
        names = (*names, *names_of_this_machine())
    app.mount(outer, library, uploads, in_step, owner.user if owner is not None else "")
    outer.add_middleware(Walls, names=names, sessions=sessions)
    return outer


def _add_door(outer: fastapi.FastAPI, owner: accounts.Account, sessions: accounts.Sessions, is_encrypted: bool) -> None:
    """The ways in and out."""
    from rag.server.page.views import static_pages

    tries, all_tries = accounts.Rate(_TRIES, 1 / _TRY_EVERY_S), accounts.Rate(_ALL_TRIES, 1)
    hashing = anyio.CapacityLimiter(2)  # each takes 64 MB, and a core for a while

    @outer.get(LOGIN)
    def ask() -> fastapi.Response:
        return _html(static_pages.login())

    @outer.post(LOGIN)
    async def come_in(request: fastapi.Request) -> fastapi.Response:
        wait_s = tries.wait_s(client_of(request.scope)) or all_tries.wait_s("")
        if wait_s:
            seconds = math.ceil(wait_s)
            page = static_pages.login(f"Too many tries: wait {seconds} second{'s' * (seconds != 1)}.")
            return _html(page, 429, {"retry-after": str(seconds)})
        given = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
        user, password = (given.get(name, [""])[0] for name in ("user", "password"))
        if not await anyio.to_thread.run_sync(owner.admits, user, password, limiter=hashing):
            return _html(static_pages.login("This name and password do not fit."), 401)
        reply = fastapi.responses.RedirectResponse("/", 303)
        reply.set_cookie(
            COOKIE, sessions.begin(), max_age=int(accounts.SESSION_S), httponly=True, samesite="strict", secure=is_encrypted
        )
        return reply

    @outer.get("/logout")
    def ask_out() -> fastapi.Response:
        return _html(static_pages.logout(owner.user))

    @outer.post("/logout")
    def go_out(request: fastapi.Request) -> fastapi.Response:
        sessions.end(session_of(request.headers))
        reply = fastapi.responses.RedirectResponse(LOGIN, 303)
        reply.delete_cookie(COOKIE)
        return reply


def _html(page: str, status: int = 200, headers: Mapping[str, str] | None = None) -> fastapi.Response:
    return fastapi.Response(page, status, media_type="text/html", headers=headers)


def _run_page(library: Library, number: int, beside: int | None) -> str:
    from rag.evaluation import comparison, report

    run = library.evaluations.load(number)
    if beside is None:
        return report.html(run)
    other = library.evaluations.load(beside)
    return report.comparison_html(run, other, comparison.compare(run, other))


def _spans(marked: str) -> list[tuple[int, int]]:
    found = re.findall(r"(\d{1,12})-(\d{1,12})", marked[:10_000])
    return [(int(start), int(end)) for start, end in found]


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
            tried(lambda: library.sync(folder, on_progress=stop_if_ended, timeout_s=0))
        in_step.set()
        if not warm:
            tried(library.preload)
            warm = True
        tried(library.sync_vectors)

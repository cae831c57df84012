"""Creates the server application, including its routes and login, and runs the server.

The application uses FastAPI. It contains the Gradio page and is wrapped in the security middleware. No other module uses
uvicorn, and other modules use fastapi only in type hints. If the index has no account, the server refuses to listen on
addresses that other machines can reach.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import re
import signal
import socket
import ssl
import sys
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
from rag.server.allocator import return_freed_memory
from rag.server.connections import LimitedProtocol
from rag.server.middleware import COOKIE, LOGIN, LOOPBACK, SecurityMiddleware, client_of, machine_names, session_token
from rag.server.rate_limiter import RateLimiter
from rag.server.sessions import SESSION_S, Sessions
from rag.server.uploads import UploadSpace, uploads_folder
from rag.settings import Settings
from rag.sources.watching import folder_changes

_log = logging.getLogger(__name__)

_STOP_S = 0.5  # time that the folder's sync gets to stop
_LOGIN_ATTEMPTS, _LOGIN_ATTEMPT_EVERY_S = 10, 6.0  # per client: this many attempts at first, then one per interval
_ALL_LOGIN_ATTEMPTS = 60  # from all clients together: this many attempts at first, then one per second


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    names: tuple[str, ...] = (),
    proxies: tuple[str, ...] = (),
    certificate: str = "",
    key: str = "",
) -> None:
    """Serves the web interface until interrupted. If other machines can reach the server, users must log in.

    Args:
        settings: The current settings.
        host: Address to listen on.
        port: Port to listen on; 0 chooses a free port.
        names: Additional host names at which users can reach the page, such as a proxy's name.
        proxies: Addresses of reverse proxies. What they say about a request's client and scheme (X-Forwarded-For,
            X-Forwarded-Proto) is believed; what others say is ignored.
        certificate: TLS certificate file in PEM format; if empty, the connection is not encrypted.
        key: The certificate's private key file in PEM format; if empty, the certificate file must also contain the key.

    Raises:
        SettingsError: The address is in use or does not belong to this machine; other machines could reach the page, but
            there is no account; a proxy's address is invalid; or the certificate cannot be loaded.
    """
    _check_proxies(proxies)
    account = _required_account(Path(settings.index), host, names)
    _check_certificate(certificate, key)
    listener = _listen(host, port)
    _unwind_on_sigterm()
    return_freed_memory()
    with (
        uploads_folder() as uploads,
        Library.open(settings.index, settings) as library,
    ):
        stopping, first_sync = threading.Event(), threading.Event()
        app = create_app(library, uploads, first_sync, account=account, host_names=names, is_encrypted=bool(certificate))
        config = uvicorn.Config(
            app,
            log_level="warning",
            timeout_graceful_shutdown=1,
            server_header=False,
            http=LimitedProtocol.without_limit_for("127.0.0.0/8", "::1", *proxies),
            ws="none",
            forwarded_allow_ips=list(proxies),
            ssl_certfile=certificate or None,
            ssl_keyfile=key or None,
        )
        syncing = threading.Thread(target=_keep_in_sync, args=(library, stopping, first_sync), daemon=True)
        syncing.start()
        print(f"rag: {_url(host, listener.getsockname()[1], bool(certificate))}  (press Ctrl-C to stop)", flush=True)
        if account is not None:
            print(f"rag: {_access_notice(account.user, bool(certificate))}", flush=True)
        if names and not proxies:
            print(f"rag: all users of {', '.join(names)} count as one client; to tell them apart, use --proxy", flush=True)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            stopping.set()
            library.interrupt()
            syncing.join(_STOP_S)


def _unwind_on_sigterm() -> None:
    """Makes SIGTERM end this process like Ctrl-C does, so that the library is closed and uploads are deleted.

    uvicorn raises the signal again after it has shut down, and by default that would end the process at once.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _required_account(index: Path, host: str, names: tuple[str, ...]) -> accounts.Account | None:
    """Returns the account that users must log in to; None if only this machine can reach the page."""
    is_public = host not in LOOPBACK or bool(names)  # an additional name belongs to a proxy, which other machines can reach
    if not is_public:
        return None
    account = accounts.load(index)
    if account is None:
        raise SettingsError(
            f"other machines could reach the web interface at {', '.join((host, *names))}, but there is no account",
            "create an account with: rag account NAME; or leave out --host and --name, and connect through an SSH tunnel",
        )
    return account


def _url(host: str, port: int, is_encrypted: bool) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if is_encrypted else 'http'}://{name}:{port}"


def _access_notice(user: str, is_encrypted: bool) -> str:
    notice = f"other machines on the network can reach the web interface and log in as {user!r}"
    if is_encrypted:
        return notice
    return f"{notice}; passwords and documents are sent unencrypted: use --certificate and --key, or a proxy with TLS"


def _check_proxies(proxies: tuple[str, ...]) -> None:
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise SettingsError(
                f"{proxy!r} is not the address of a proxy",
                "give an IP address or a network, such as 10.0.0.0/24",
            ) from None


def _check_certificate(certificate: str, key: str) -> None:
    if certificate or key:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key or None)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError(
                f"cannot load the certificate {certificate!r} with the key {key!r} ({reason})",
                "both files must be in PEM format, and the private key must not be protected by a password",
            ) from None


def create_app(
    library: Library,
    uploads: Path,
    first_sync: threading.Event | None = None,
    *,
    account: accounts.Account | None = None,
    host_names: tuple[str, ...] = (),
    is_encrypted: bool = False,
) -> fastapi.FastAPI:
    """Returns the server application for a library.

    Args:
        library: The library that answers questions.
        uploads: A folder that only this process uses; uploaded files are stored there until they are in the library.
        first_sync: An event that is set once the library's folder has been synced.
        account: The account that users must log in to; None if no login is required.
        host_names: Host names to accept in addition to this machine's own.
        is_encrypted: Whether the page is served over HTTPS.
    """
    from rag.server.page import app
    from rag.server.page.views import static_pages

    server = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @server.get("/documents/{document_id}")
    def document(document_id: int, marked: str = "") -> fastapi.Response:
        """Serves a document's whole text and highlights the given spans of characters, such as "12-30,55-80"."""
        return _html(static_pages.document_page(library.document_by_id(document_id), _spans(marked)))

    @server.get("/documents/{document_id}/pages/{page}")
    def page_image(document_id: int, page: int, marked: str = "") -> fastapi.Response:
        """Serves an image of a PDF page and highlights the lines that contain the given spans."""
        image = library.page_image(document_id, page, _spans(marked))
        return fastapi.Response(image, media_type="image/png", headers={"cache-control": "private, max-age=600"})

    @server.get("/runs/{number}")
    def evaluation(number: int, other: Annotated[int | None, fastapi.Query(alias="with")] = None) -> fastapi.Response:
        """Serves the report on an evaluation run, or a comparison of two runs."""
        return _html(_run_page(library, number, other))

    @server.exception_handler(RagError)
    def not_found(_: fastapi.Request, error: RagError) -> fastapi.Response:
        return fastapi.Response(str(error), 404, media_type="text/plain")

    sessions = Sessions() if account is not None else None
    if account is not None and sessions is not None:
        _add_login(server, account, sessions, is_encrypted)
        host_names = (*host_names, *machine_names())
    app.mount(server, library, uploads, first_sync, account.user if account is not None else "")
    server.add_middleware(SecurityMiddleware, uploads=UploadSpace(uploads), host_names=host_names, sessions=sessions)
    return server


def _add_login(server: fastapi.FastAPI, account: accounts.Account, sessions: Sessions, is_encrypted: bool) -> None:
    """Adds the routes for logging in and out."""
    from rag.server.page.views import static_pages

    attempts, all_attempts = RateLimiter(_LOGIN_ATTEMPTS, 1 / _LOGIN_ATTEMPT_EVERY_S), RateLimiter(_ALL_LOGIN_ATTEMPTS, 1)
    hashing = anyio.CapacityLimiter(2)  # each password check uses 64 MB of memory and keeps one core busy for 0.15 s

    @server.get(LOGIN)
    def login_form() -> fastapi.Response:
        return _html(static_pages.login_page())

    @server.post(LOGIN)
    async def log_in(request: fastapi.Request) -> fastapi.Response:
        wait_s = attempts.wait_s(client_of(request.scope)) or all_attempts.wait_s("")
        if wait_s:
            seconds = math.ceil(wait_s)
            problem = f"Too many login attempts. Try again in {seconds} second{'s' * (seconds != 1)}."
            return _html(static_pages.login_page(problem), 429, {"retry-after": str(seconds)})
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
        user, password = (form.get(name, [""])[0] for name in ("user", "password"))
        if not await anyio.to_thread.run_sync(account.verify, user, password, limiter=hashing):
            return _html(static_pages.login_page("Wrong username or password."), 401)
        response = fastapi.responses.RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE,
            sessions.create(),
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
            secure=is_encrypted or request.url.scheme == "https",  # a proxy may be what encrypts the connection
        )
        return response

    @server.get("/logout")
    def logout_form() -> fastapi.Response:
        return _html(static_pages.logout_page(account.user))

    @server.post("/logout")
    def log_out(request: fastapi.Request) -> fastapi.Response:
        sessions.end(session_token(request.headers))
        response = fastapi.responses.RedirectResponse(LOGIN, 303)
        response.delete_cookie(COOKIE)
        return response


def _html(page: str, status: int = 200, headers: Mapping[str, str] | None = None) -> fastapi.Response:
    return fastapi.Response(page, status, media_type="text/html", headers=headers)


def _run_page(library: Library, number: int, other: int | None) -> str:
    from rag.evaluation import comparison
    from rag.evaluation.reports import html_report

    first = library.evaluations.load_run(number)
    if other is None:
        return html_report.run_page(first)
    second = library.evaluations.load_run(other)
    return html_report.comparison_page(first, second, comparison.compare(first, second))


def _spans(marked: str) -> list[tuple[int, int]]:
    pairs = re.findall(r"(\d{1,12})-(\d{1,12})", marked[:10_000])
    return [(int(start), int(end)) for start, end in pairs]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"cannot listen on {host} port {port} ({error.strerror})", "let rag choose a free port: rag ui --port 0"
        ) from None
    return listener


def _keep_in_sync(library: Library, stopping: threading.Event, first_sync: threading.Event) -> None:
    """Syncs the library with its folder while the server runs. Also loads everything that the first question will need."""
    last_error = ""

    def attempt(work: Callable[[], object]) -> None:
        nonlocal last_error
        try:
            work()
        except IndexBusyError:
            pass  # another process is importing the same folder
        except Exception as error:  # whatever the error is, the server must continue to answer questions and to sync
            if str(error) != last_error and not stopping.is_set():
                last_error = str(error)
                _log.warning("%s", error)

    def stop_if_requested(_: Progress) -> None:
        if stopping.is_set():
            raise RagError("the server is stopping")

    folder = library.settings.documents
    is_preloaded = False
    for _ in folder_changes(Path(folder).expanduser(), stopping) if folder else (None,):
        if folder:
            attempt(lambda: library.sync(folder, on_progress=stop_if_requested, timeout_s=0))
        first_sync.set()
        if not is_preloaded:
            attempt(library.preload)
            is_preloaded = True
        attempt(library.sync_vectors)

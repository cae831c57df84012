"""A real HTTP server with scripted pages, for tests of fetching web pages."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .model_server import serving

Page = Callable[["Handler"], None]


class WebServer(ThreadingHTTPServer):
    """Serves scripted pages by path and records requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores errors: connections are cut on purpose."""


class Handler(BaseHTTPRequestHandler):
    """Runs the page of the requested path."""

    protocol_version = "HTTP/1.1"
    server: WebServer

    def log_message(self, *_: object) -> None:
        """Logs nothing."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.pages.get(self.path, says(b"", status=404))(self)


def says(body: bytes, *, status: int = 200, **headers: str) -> Page:
    """Returns a page with this body; `content_type="text/html"` becomes a header."""

    def page(handler: Handler) -> None:
        handler.send_response(status)
        given = {"content-type": "text/html; charset=utf-8", **{k.replace("_", "-"): v for k, v in headers.items()}}
        for name, value in {**given, "content-length": given.get("content-length", str(len(body)))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return page


def leads_to(target: str, status: int = 302) -> Page:
    return says(b"", status=status, location=target)


def versioned(body: bytes, etag: str) -> Page:
    """Returns a page that replies 304 to a request with its ETag."""

    def page(handler: Handler) -> None:
        known = handler.headers.get("If-None-Match") == etag
        says(b"" if known else body, status=304 if known else 200, etag=etag)(handler)

    return page


def drip(handler: Handler, piece: bytes) -> None:
    """Writes a piece every 50 ms, without end."""
    while True:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(0.05)


def drips(handler: Handler) -> None:
    """Sends a byte every 50 ms, without end."""
    handler.send_response(200)
    handler.send_header("content-length", "1000000")
    handler.end_headers()
    drip(handler, b"x")


def drips_without_length(handler: Handler) -> None:
    """The same, but the end of the connection is the end of the page."""
    handler.send_response(200)
    handler.end_headers()
    drip(handler, b"<p>More.</p>")


def cuts_gzip(handler: Handler) -> None:
    """Sends half of a compressed page without its length."""
    handler.send_response(200)
    handler.send_header("content-encoding", "gzip")
    handler.end_headers()
    whole = gzip.compress(b"".join(b"<p>Paragraph %d.</p>" % n for n in range(5000)))
    handler.wfile.write(whole[: len(whole) // 2])
    handler.close_connection = True


def drips_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    drip(handler, b"x-more: y\r\n")


def cuts(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "1000000")
    handler.end_headers()
    handler.wfile.write(b"<html>only the beginning")
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def gzip_bomb(handler: Handler) -> None:
    says(gzip.compress(b"a" * 60_000_000), content_encoding="gzip")(handler)


def running() -> AbstractContextManager[WebServer]:
    """Runs a server."""
    return serving(WebServer())

"""Fetches a web page that the user named, with protection against server-side request forgery.

Only http and https are allowed. The host's name is resolved once, all its addresses must be public, and the connection goes
to the address that was checked. An attacker therefore gains nothing by changing the address later (DNS rebinding). The
target of each redirect is checked in the same way. Size, time and the number of redirects are limited, and robots.txt is
obeyed.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from rag.errors import ReadError, SourceError
from rag.text.unicode_text import ASCII_CONTROLS

AGENT = "rag"  # the name by which robots.txt files can refer to rag
_MAX_REDIRECTS = 5
_MAX_ROBOTS_BYTES = 500_000  # anything after this many bytes of robots.txt is ignored
_READ_BYTES = 65_536
_TOLERANCE_S = 0.05  # another thread may shut down the connection slightly before or after the deadline
_PORTS = frozenset({80, 443})  # allowed, as are all ports above 1023; the other ports belong to other services
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # in this network, an address's last 32 bits are an IPv4 address
_HEADERS = {
    "User-Agent": f"{AGENT} (question answering over its user's own documents)",
    "Accept": "text/html, application/xhtml+xml, application/pdf, text/*;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip, identity",
    "Accept-Language": "en, *;q=0.5",
}
_SUFFIXES = {
    "text/html": ".html", "application/xhtml+xml": ".html", "application/json": ".json", "text/csv": ".csv",
    "text/markdown": ".md", "text/plain": ".txt", "application/xml": ".xml", "text/xml": ".xml",
    "application/rss+xml": ".xml", "application/atom+xml": ".xml",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A web page that was fetched.

    Attributes:
        url: The address after all redirects.
        name: A file name for the page, with an extension that matches the declared content type.
        data: The page's content, as the server sent it.
        charset: The encoding that the server declared for text; empty if it declared none.
        etag: The server's ETag header; empty if there is none.
        modified: The server's Last-Modified header; empty if there is none.
    """

    url: str
    name: str
    data: bytes
    charset: str
    etag: str
    modified: str


class Fetcher:
    """Fetches web pages, one at a time.

    Args:
        allow_private: Whether hosts on this machine and on private networks are allowed.
        max_bytes: Size limit for one page after decompression.
        limit_s: Time limit in seconds for one page, including its redirects and robots.txt.
    """

    def __init__(self, *, allow_private: bool = False, max_bytes: int = 20_000_000, limit_s: float = 30.0) -> None:
        self._allow_private = allow_private
        self._max_bytes = max_bytes
        self._limit_s = limit_s
        self._robots: dict[str, RobotFileParser] = {}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def fetch(self, url: str, etag: str = "", modified: str = "") -> FetchedPage | None:
        """Fetches a page. Returns None if the page still has the given ETag, or was not modified after the given date.

        Raises:
            SourceError: `url` is not the address of a web page.
            ReadError: The page cannot be fetched.
        """
        deadline = time.monotonic() + self._limit_s
        conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
        current = normalized_url(url)
        for _ in range(_MAX_REDIRECTS + 1):
            self._check_robots(current, deadline)
            headers = {name: value for name, value in conditions.items() if value}
            with self._response(current, headers, deadline) as reply:
                if reply.status == 304 and headers:
                    return None
                if reply.status not in _REDIRECTS:
                    _check_status(reply)
                    return _as_page(current, reply, self._body(reply, self._max_bytes, deadline))
                target = reply.headers.get("Location", "")
            try:
                current = normalized_url(urljoin(current, target))
            except SourceError as error:
                raise ReadError(
                    f"it redirects to an address that rag does not fetch ({error})",
                    "open the page in a browser, save it, then add the file",
                ) from None
        raise ReadError(
            f"it redirects more than {_MAX_REDIRECTS} times", "open the page in a browser, save it, then add the file"
        )

    def _check_robots(self, url: str, deadline: float) -> None:
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._robots:
            rules = RobotFileParser()
            with self._response(f"{host}/robots.txt", {}, deadline) as reply:
                if reply.status == 200:
                    body = self._body(reply, _MAX_ROBOTS_BYTES, deadline, truncate=True)
                    rules.parse(body.decode("utf-8", errors="replace").splitlines())
                elif reply.status >= 500:
                    rules.parse(["User-agent: *", "Disallow: /"])  # RFC 9309: after a server error, no page may be fetched
                else:
                    rules.parse([])
            self._robots[host] = rules
        if not self._robots[host].can_fetch(AGENT, url):
            raise ReadError(
                "the site's robots.txt does not allow programs to fetch it",
                "open the page in a browser, save it, then add the file",
            )

    @contextlib.contextmanager
    def _response(self, url: str, headers: Mapping[str, str], deadline: float) -> Iterator[http.client.HTTPResponse]:
        """Yields a response whose body has not been read. Another thread shuts down the connection at the deadline."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = self._resolve(host, port, deadline)
        sockets: list[socket.socket] = []  # the socket in use, which TLS replaces with a wrapper
        watchdog = threading.Timer(max(0.0, deadline - time.monotonic()), _shut_down, (sockets,))
        watchdog.daemon = True
        try:
            sockets[:] = [socket.create_connection((address, port), timeout=max(0.1, deadline - time.monotonic()))]
            watchdog.start()
            if parts.scheme == "https":
                sockets[:] = [self._tls.wrap_socket(sockets[0], server_hostname=host, do_handshake_on_connect=False)]
                sockets[0].do_handshake()  # type: ignore[attr-defined]  # a method of SSLSocket
            connection = http.client.HTTPConnection(host, port, timeout=max(0.1, deadline - time.monotonic()))
            connection.sock = sockets[0]
            path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("GET", path, headers={**_HEADERS, **headers, "Host": parts.netloc})
            with contextlib.closing(connection), connection.getresponse() as reply:
                yield reply
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() >= deadline - _TOLERANCE_S:
                raise ReadError(f"fetching it took more than {self._limit_s:.0f} s", "try again later") from None
            raise ReadError(f"{host} cannot be reached ({_short(error)})", "check the address and the network") from error
        finally:
            watchdog.cancel()
            for connection_socket in sockets:
                connection_socket.close()

    def _resolve(self, host: str, port: int, deadline: float) -> str:
        """Returns one of a host's addresses after checking that all of them are public."""
        resolver = ThreadPoolExecutor(1)  # the system's resolver has no time limit
        try:
            lookup = resolver.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            found = lookup.result(max(0.1, deadline - time.monotonic()))
        except (OSError, UnicodeError, FutureTimeoutError) as error:
            raise ReadError(
                f"the host {host!r} was not found ({_short(error)})", "check the address and the network"
            ) from error
        finally:
            resolver.shutdown(wait=False)
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_private and not all(map(is_public, addresses)):
            raise ReadError(
                f"{host} is on this machine or a private network",
                "rag fetches only public pages; to allow private ones, set RAG_PRIVATE_URLS=allow",
            )
        return addresses[0]

    def _body(self, reply: http.client.HTTPResponse, limit: int, deadline: float, *, truncate: bool = False) -> bytes:
        encoding = reply.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "", "gzip", "x-gzip"):
            raise ReadError(
                f"its compression is not supported ({encoding[:20]!r})",
                "open the page in a browser, save it, then add the file",
            )
        decompressor = zlib.decompressobj(31) if "gzip" in encoding else None
        body = bytearray()
        while time.monotonic() < deadline:
            part = reply.read1(_READ_BYTES)
            if not part:
                if time.monotonic() >= deadline - _TOLERANCE_S:
                    break  # the connection was shut down, so the page may be incomplete even if no length was announced
                missing = reply.length or 0  # number of bytes that Content-Length announced but that have not arrived
                if truncate or not (missing or (decompressor is not None and not decompressor.eof)):
                    return bytes(body)
                raise ReadError("the connection ended before the page was complete", "try again later")
            try:
                body += decompressor.decompress(part, limit + 1 - len(body)) if decompressor else part
            except zlib.error:
                raise ReadError("the server sent damaged data", "try again later") from None
            if len(body) > limit or (decompressor and decompressor.unconsumed_tail):
                if truncate:
                    return bytes(body[:limit])
                raise ReadError(
                    f"its size is more than {limit // 1_000_000} MB",
                    "open the page in a browser, save it, then add the file",
                )
        raise ReadError(f"fetching it took more than {self._limit_s:.0f} s", "try again later")


def normalized_url(url: str) -> str:
    """Returns the address to fetch and store, with the host in ASCII, the path percent-encoded, and no fragment.

    Raises:
        SourceError: `url` is not the address of a web page.

    Example:
        >>> normalized_url("HTTPS://Example.ORG/a b#part")
        'https://example.org/a%20b'
    """
    invalid = SourceError(
        f"{url[:200]!r} is not the address of a web page", "use an address of the form https://example.org/page"
    )
    if any(character in ASCII_CONTROLS or character == "\\" for character in url):
        raise invalid
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
        port = parts.port
        ascii_host = host if ":" in host else host.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError):
        raise invalid from None
    if parts.scheme.lower() not in ("http", "https") or not ascii_host:
        raise invalid
    if "@" in parts.netloc:
        raise SourceError(
            "rag does not fetch an address that contains a user name", "remove the user name, the password and the @"
        )
    if port is not None and port not in _PORTS and port < 1024:
        raise SourceError(f"rag does not fetch pages from port {port}", "use port 80, 443, or one above 1023")
    netloc = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
    netloc += f":{port}" if port is not None and port != {"http": 80, "https": 443}[parts.scheme.lower()] else ""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return urlunsplit((parts.scheme.lower(), netloc, path, query, ""))


def is_public(address: str) -> bool:
    """Whether an IP address is public. An IPv4 address embedded in an IPv6 address must be public too.

    Example:
        >>> [is_public(a) for a in ("8.8.8.8", "10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")]
        [True, False, False, False, False]
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [found]
    if isinstance(found, ipaddress.IPv6Address):
        embedded = (found.ipv4_mapped, found.sixtofour, *(found.teredo or ()))
        inner += [one for one in embedded if one is not None]
        if found in _NAT64 or int(found) >> 32 == 0:  # the second condition: an obsolete "IPv4-compatible" address
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return all(one.is_global and not one.is_multicast for one in inner)


def _check_status(reply: http.client.HTTPResponse) -> None:
    if reply.status in (401, 402, 403, 407):
        raise ReadError(
            f"the server requires a login ({reply.status})", "log in with a browser, save the page, then add the file"
        )
    if reply.status in (404, 410):
        raise ReadError(f"the server has no such page ({reply.status})", "check the address")
    if reply.status != 200:
        raise ReadError(f"the server replied with status {reply.status}", "try again later")


def _as_page(url: str, reply: http.client.HTTPResponse, data: bytes) -> FetchedPage:
    kind, charset = reply.headers.get_content_type(), reply.headers.get_content_charset() or ""
    parts = urlsplit(url)
    stem = parts.path.rstrip("/").rpartition("/")[2] or (parts.hostname or "page")
    suffix = _SUFFIXES.get(kind, "")
    name = stem if not suffix or stem.lower().endswith(suffix) else f"{stem.removesuffix('.htm')}{suffix}"
    etag, modified = reply.headers.get("ETag", ""), reply.headers.get("Last-Modified", "")
    charset = charset if kind.startswith("text/") else ""
    return FetchedPage(url=url, name=name, data=data, charset=charset, etag=etag, modified=modified)


def _shut_down(sockets: list[socket.socket]) -> None:
    for connection_socket in sockets:
        with contextlib.suppress(OSError):
            connection_socket.shutdown(socket.SHUT_RDWR)


def _short(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or error or type(error).__name__)[:80]

"""Fetches a web page that somebody named, and nothing that a page or a redirect would rather have fetched.

Only http and https; the host is resolved once, every address it has must be public, and the connection goes to the very
address that was looked at: a name that changes its mind between look and connection (DNS rebinding) gains nothing. The same
holds for each redirect. Sizes, times and redirects are bounded; robots.txt is asked first. The home of http.client.
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
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from rag.errors import ReadError, SourceError

AGENT = "rag"  # as robots.txt calls it
_MOST_REDIRECTS = 5
_MOST_ROBOTS = 500_000  # bytes of robots.txt that are read
_AT_ONCE = 65_536
_ABOUT = 0.05  # seconds: the connection is cut by another thread
_PORTS = frozenset({80, 443})  # and those above 1023: the others are not where pages live
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# IPv6 networks whose addresses hold an IPv4 address, and where in them.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
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
class Fetched:
    """What came back.

    Attributes:
        url: Where it was in the end.
        name: A file name for it; the suffix says what the server called it.
        data: The body, in UTF-8 where the server named another encoding.
        etag: Of this version; empty if the server gave none. `modified` likewise.
    """

    url: str
    name: str
    data: bytes
    etag: str
    modified: str


class Fetcher:
    """Fetches pages, one at a time.

    Args:
        private: Whether hosts of this machine and its networks may be asked too.
        most_bytes: Of one page, unpacked.
        limit_s: For one page, all redirects and robots.txt included, seconds.
    """

    def __init__(self, *, private: bool = False, most_bytes: int = 20_000_000, limit_s: float = 30.0) -> None:
        self._private = private
        self._most_bytes = most_bytes
        self._limit_s = limit_s
        self._robots: dict[str, RobotFileParser] = {}

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def fetch(self, url: str, etag: str = "", modified: str = "") -> Fetched | None:
        """The page; None where it is still the version that was named.

        Raises:
            SourceError: It is no address of a page.
            ReadError: It cannot be had.
        """
        until = time.monotonic() + self._limit_s
        since = {"If-None-Match": etag, "If-Modified-Since": modified}
        at = normal(url)
        for _ in range(_MOST_REDIRECTS + 1):
            self._ask_robots(at, until)
            with self._asked(at, {name: value for name, value in since.items() if value}, until) as reply:
                if reply.status == 304 and any(since.values()):
                    return None
                if reply.status not in _REDIRECTS:
                    _check(reply)
                    return _fetched(at, reply, self._body(reply, self._most_bytes, until))
                target = reply.headers.get("Location", "")
            try:
                at = normal(urljoin(at, target))
            except SourceError as error:
                raise ReadError(f"it redirects to where rag does not go ({error})") from None
        raise ReadError(f"it redirects more than {_MOST_REDIRECTS} times", "open it in a browser, and add what it shows")

    def _ask_robots(self, url: str, until: float) -> None:
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._robots:
            rules = RobotFileParser()
            with self._asked(f"{host}/robots.txt", {}, until) as reply:
                if reply.status == 200:
                    body = self._body(reply, _MOST_ROBOTS, until, whole=False)
                    rules.parse(body.decode("utf-8", errors="replace").splitlines())
                elif reply.status >= 500:
                    rules.parse(["User-agent: *", "Disallow: /"])  # RFC 9309: who stumbles over his rules wants nobody
                else:
                    rules.parse([])
            self._robots[host] = rules
        if not self._robots[host].can_fetch(AGENT, url):
            raise ReadError("its robots.txt asks programs to stay away", "save the page from a browser, and add the file")

    @contextlib.contextmanager
    def _asked(self, url: str, headers: Mapping[str, str], until: float) -> Iterator[http.client.HTTPResponse]:
        """A reply, its body still unread. The connection is cut when time is over, whatever the other side does."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = self._looked_up(host, port, until)
        held: list[socket.socket] = []  # the connection as it is at the moment
        stop = threading.Timer(max(0.0, until - time.monotonic()), _cut, (held,))
        stop.daemon = True
        try:
            held[:] = [socket.create_connection((address, port), timeout=max(0.1, until - time.monotonic()))]
            stop.start()
            if parts.scheme == "https":
                held[:] = [self._tls.wrap_socket(held[0], server_hostname=host, do_handshake_on_connect=False)]
                held[0].do_handshake()  # type: ignore[attr-defined]  # of an SSLSocket
            connection = http.client.HTTPConnection(host, port, timeout=max(0.1, until - time.monotonic()))
            connection.sock = held[0]
            path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request("GET", path, headers={**_HEADERS, **headers, "Host": parts.netloc})
            with contextlib.closing(connection), connection.getresponse() as reply:
                yield reply
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() >= until - _ABOUT:
                raise ReadError(f"it did not come within {self._limit_s:.0f} s", "try it again later") from None
            raise ReadError(f"{host} cannot be reached ({_short(error)})", "check the address and the network") from error
        finally:
            stop.cancel()
            for connected in held:
                connected.close()

    def _looked_up(self, host: str, port: int, until: float) -> str:
        """One address of a host, all of which must be public."""
        asker = ThreadPoolExecutor(1)  # the system's resolver knows no time limit
        try:
            asked = asker.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            found = asked.result(max(0.1, until - time.monotonic()))
        except (OSError, UnicodeError, TookTooLong) as error:
            raise ReadError(f"there is no host {host!r} ({_short(error)})", "check the address and the network") from error
        finally:
            asker.shutdown(wait=False)
        addresses = [str(entry[4][0]) for entry in found]
        if not self._private and not all(map(is_public, addresses)):
            raise ReadError(
                f"{host} is on this machine or a private network",
                "rag fetches public pages only; to allow others: RAG_PRIVATE_URLS=allow",
            )
        return addresses[0]

    def _body(self, reply: http.client.HTTPResponse, most: int, until: float, *, whole: bool = True) -> bytes:
        encoding = reply.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "", "gzip", "x-gzip"):
            raise ReadError(f"it comes packed in a way rag does not know ({encoding[:20]!r})")
        unpack = zlib.decompressobj(31) if "gzip" in encoding else None
        body = bytearray()
        while time.monotonic() < until:
            part = reply.read1(_AT_ONCE)
            if not part:
                missing = reply.length or 0  # what Content-Length promised
                if not (missing and whole):
                    return bytes(body)
                if time.monotonic() >= until - _ABOUT:
                    break
                raise ReadError("the connection ended before the page did", "try it again later")
            try:
                body += unpack.decompress(part, most + 1 - len(body)) if unpack else part
            except zlib.error:
                raise ReadError("what came is damaged", "try it again later") from None
            if len(body) > most or (unpack and unpack.unconsumed_tail):
                if not whole:
                    return bytes(body[:most])
                raise ReadError(f"it has more than {most // 1_000_000} MB", "save it, and add the file")
        raise ReadError(f"it did not come within {self._limit_s:.0f} s", "try it again later")


def normal(url: str) -> str:
    """An address as it is asked for and remembered: without fragment, its host in ASCII, its path quoted.

    Raises:
        SourceError: It is none of a web page.

    Example:
        >>> normal("HTTPS://Example.ORG/a b#part")
        'https://example.org/a%20b'
    """
    refused = SourceError(f"{url[:200]!r} is no address of a web page", "it begins with http:// or https://")
    if any(character < " " or character in "\\\x7f" for character in url):
        raise refused
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
        port = parts.port
        named = host if ":" in host else host.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError):
        raise refused from None
    if parts.scheme.lower() not in ("http", "https") or not named:
        raise refused
    if "@" in parts.netloc:
        raise SourceError("an address with a user name in it is not fetched", "leave out what stands before the @")
    if port is not None and port not in _PORTS and port < 1024:
        raise SourceError(f"port {port} is not where web pages live", "check the address")
    netloc = f"[{named}]" if ":" in named else named
    netloc += f":{port}" if port is not None and port != {"http": 80, "https": 443}[parts.scheme.lower()] else ""
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return urlunsplit((parts.scheme.lower(), netloc, path, query, ""))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the whole internet's, the one inside another included.

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
        held = (found.ipv4_mapped, found.sixtofour, *(found.teredo or ()))
        inner += [one for one in held if one is not None]
        if found in _NAT64 or int(found) >> 32 == 0:  # and the old "IPv4-compatible" ones
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return all(one.is_global and not one.is_multicast for one in inner)


def _check(reply: http.client.HTTPResponse) -> None:
    if reply.status in (401, 402, 403, 407):
        raise ReadError(f"the server wants a login ({reply.status})", "save the page from a browser, and add the file")
    if reply.status in (404, 410):
        raise ReadError(f"the server has no such page ({reply.status})", "check the address")
    if reply.status != 200:
        raise ReadError(f"the server refused ({reply.status})", "try it again later")


def _fetched(url: str, reply: http.client.HTTPResponse, data: bytes) -> Fetched:
    kind, charset = reply.headers.get_content_type(), reply.headers.get_content_charset() or ""
    if kind.startswith("text/") and charset not in ("", "utf-8", "utf8"):
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            data = data.decode(charset).encode("utf-8")
    parts = urlsplit(url)
    stem = parts.path.rstrip("/").rpartition("/")[2] or (parts.hostname or "page")
    suffix = _SUFFIXES.get(kind, "")
    name = stem if not suffix or stem.lower().endswith(suffix) else f"{stem.removesuffix('.htm')}{suffix}"
    return Fetched(url, name, data, reply.headers.get("ETag", ""), reply.headers.get("Last-Modified", ""))


def _cut(held: list[socket.socket]) -> None:
    for connected in held:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


def _short(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or error or type(error).__name__)[:80]

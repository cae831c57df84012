"""Web pages: what is fetched, what is kept, and what nobody gets fetched."""

from __future__ import annotations

import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag import Library
from rag.errors import ReadError, SourceError
from rag.settings import Settings
from rag.sources.web_pages import Fetcher, is_public, normalized_url

from .. import web_server as web

ARTICLE = (
    b"<!DOCTYPE html><html lang=en><head><title>Ferry line to close | The Morning Tide</title>"
    b'<meta property="og:site_name" content="The Morning Tide"><meta name="author" content="Ruta Lind">'
    b'<meta property="article:published_time" content="2024-05-17T08:00:00Z"></head><body><nav>Home About</nav><article>'
    b"<h1>Ferry line to close</h1><p>The ferry between Visby and Hemse will close in autumn, said harbour master Bo Ek, because"
    b" the new bridge takes most of its passengers.</p><p>The last boat leaves on 30 September. It has carried eleven million"
    b" people since 1951, more than any other line of the island.</p></article></body></html>"
)


@pytest.fixture
def server() -> Iterator[web.WebServer]:
    """Serves an article; its robots.txt is not there, which allows all."""
    with web.running() as made:
        made.pages["/news/ferry"] = web.versioned(ARTICLE, '"v1"')
        yield made


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "index", Settings(private_urls="allow"), short_lived=True) as opened:
        yield opened


@pytest.mark.process
def test_a_page_is_asked_and_kept_in_step(server: web.WebServer, library: Library) -> None:
    """Title, author, date, outlet; not embedded again unless it changed; its bytes are kept, and go with it."""
    url = server.url("/news/ferry")
    assert 1 == library.add(url).added
    document = library.document(url)
    assert ("Ferry line to close", "Ruta Lind", "2024-05-17") == (document.title, document.author, document.date)
    assert "The Morning Tide" == document.metadata["sitename"]
    assert "Home About" not in document.text
    answer = library.ask("When does the last boat leave?")
    assert "30 September" in answer.text
    assert {url} == {citation.source for citation in answer.citations}
    assert ARTICLE == library.original(url)

    again = library.refresh()
    assert (0, 0, 0) == (again.added, again.updated, again.passages)
    assert '"v1"' == server.asked[-1][1]["If-None-Match"]

    changed = ARTICLE.replace(b"30 September", b"15 October")
    server.pages["/news/ferry"] = web.versioned(changed, '"v2"')
    assert 1 == library.refresh().updated
    assert "15 October" in library.ask("When does the last boat leave?").text
    assert changed == library.original(url)

    server.pages["/news/ferry"] = web.says(b"", status=404)
    gone = library.refresh()
    assert "no such page" in gone.failed[0].error
    assert "15 October" in library.document(url).text  # what was read stays

    library.remove(url)
    library.compact()
    assert [] == library._catalog._db.query("SELECT hash FROM originals")


@pytest.mark.process
def test_what_is_no_web_page_is_read_as_what_it_is(server: web.WebServer, library: Library) -> None:
    """By its bytes, else by what the server calls it; in whatever encoding, packed or not."""
    server.pages["/prices"] = web.says(b"item,price\nkettle,31\n", content_type="text/csv")
    server.pages["/old"] = web.says(
        "Мост открыт в мае 1951 года.".encode("cp1251"), content_type="text/plain; charset=windows-1251"
    )
    server.pages["/packed"] = web.says(gzip.compress(ARTICLE), content_encoding="gzip")
    report = library.add(*(server.url(path) for path in ("/prices", "/old", "/packed")))

    assert (3, ()) == (report.added, report.failed)
    assert "item: kettle | price: 31" in library.document(server.url("/prices")).text
    assert "Мост открыт" in library.document(server.url("/old")).text
    assert "harbour master" in library.document(server.url("/packed")).text


def test_standard_input(library: Library) -> None:
    """Bytes under a name, read as what they are, kept, replaced by the next of that name."""
    library.add_bytes(b"item,price\nkettle,31\n", "prices.csv")
    assert "item: kettle | price: 31" in library.document("prices.csv").text
    report = library.add_bytes(b"item,price\nkettle,35\n", "prices.csv")
    assert (0, 1) == (report.added, report.updated)
    assert b"item,price\nkettle,35\n" == library.original("prices.csv")


def test_redirects(server: web.WebServer) -> None:
    """Some are followed; a ring, too many, and what leads elsewhere than to a page are not."""
    fetcher = Fetcher(allow_private=True)
    server.pages["/a"] = web.leads_to("/b", 301)
    server.pages["/b"] = web.leads_to(server.url("/news/ferry"))
    assert server.url("/news/ferry") == fetcher.fetch(server.url("/a")).url
    server.pages["/ring"] = web.leads_to("/ring")
    with pytest.raises(ReadError, match="redirects more than"):
        fetcher.fetch(server.url("/ring"))
    for target in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "data:text/html,x", "javascript:1",
                   "http://user@127.0.0.1/", "//user:pw@127.0.0.1/x", "http://", "http:///x", "\\\\127.0.0.1\\x"):  # fmt: skip
        server.pages["/away"] = web.leads_to(target)
        with pytest.raises(ReadError):
            fetcher.fetch(server.url("/away"))
    assert all(not path.startswith("/etc") for path, _ in server.asked)


def test_a_redirect_to_a_private_host(server: web.WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not followed, wherever the redirect comes from."""
    connect = socket.create_connection
    port = int(server.url().rsplit(":", 1)[1].strip("/"))
    asked: list[str] = []

    def resolve(host: str, at: int, *_: object, **__: object) -> list[tuple]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, at)) for address in NAMES.get(host, [host])]

    def to_our_server(address: tuple[str, int], **options: Any) -> socket.socket:
        asked.append(address[0])
        return connect(("127.0.0.1", port), **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", to_our_server)
    for target in ("http://inside.example/secret", "http://both.example/", "http://metadata.example/latest"):
        server.pages["/page"] = web.leads_to(target)
        with pytest.raises(ReadError, match="private network"):
            Fetcher().fetch("http://public.example/page")

    assert {"93.184.216.34"} == set(asked)
    assert all("secret" not in path for path, _ in server.asked)


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "unicode_escape", "utf-7", "base64", "rot13", "a\x00b", "nonsense"]
)
@pytest.mark.process
def test_a_charset_that_is_none(server: web.WebServer, library: Library, charset: str) -> None:
    """It is ignored, without a look at the text by a codec that no browser has."""
    server.pages["/odd"] = web.says(b"The kettle is made of copper. " * 3000, content_type=f"text/plain; charset={charset}")
    begun = time.monotonic()
    library.add(server.url("/odd"))

    assert library.document(server.url("/odd")).text.startswith("The kettle is made of copper.")
    assert time.monotonic() - begun < 20


@pytest.mark.outage
@pytest.mark.parametrize(
    ("page", "words"),
    [
        (web.gzip_bomb, "more than 20 MB"),
        (web.says(b"a" * 21_000_000), "more than 20 MB"),
        (web.says(b"short", content_length="10000000000"), "ended before|took more than"),
        (web.drips, "took more than"),
        (web.drips_without_length, "took more than"),
        (web.cuts_gzip, "ended before"),
        (web.drips_headers, "took more than|cannot be reached"),
        (web.cuts, "ended before|cannot be reached"),
        (web.says(b"\x1f\x8bnot gzip", content_encoding="gzip"), "damaged"),
        (web.says(b"x", content_encoding="br"), "compression is not supported"),
        (web.says(b"", status=401), "login"),
        (web.says(b"", status=503), "status 503"),
    ],
)
def test_what_a_server_may_do_to_us(server: web.WebServer, page: web.Page, words: str) -> None:
    """Each ends in time, with a reason."""
    server.pages["/bad"] = page
    begun = time.monotonic()
    with pytest.raises(ReadError, match=words):
        Fetcher(allow_private=True, limit_s=1.0).fetch(server.url("/bad"))

    assert time.monotonic() - begun < 4


def test_robots_are_heard(server: web.WebServer) -> None:
    """What a host asks programs to leave alone is left alone; a host that cannot say is left alone, too."""
    server.pages["/robots.txt"] = web.says(b"User-agent: *\nDisallow: /news\n", content_type="text/plain")
    server.pages["/open"] = web.says(ARTICLE)
    assert Fetcher(allow_private=True).fetch(server.url("/open")) is not None
    with pytest.raises(ReadError, match=r"robots\.txt"):
        Fetcher(allow_private=True).fetch(server.url("/news/ferry"))
    server.pages["/robots.txt"] = web.says(b"", status=500)
    with pytest.raises(ReadError, match=r"robots\.txt"):
        Fetcher(allow_private=True).fetch(server.url("/open"))

    assert ["/robots.txt", "/open", "/robots.txt", "/robots.txt"] == [path for path, _ in server.asked]


NAMES = {
    "public.example": ["93.184.216.34"], "inside.example": ["10.0.0.5"], "both.example": ["93.184.216.34", "127.0.0.1"],
    "six.example": ["fd00::1"], "metadata.example": ["169.254.169.254"], "localhost": ["127.0.0.1", "::1"],
}  # fmt: skip


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names resolve as `NAMES` says, numbers as the C library reads them; returns the addresses that were connected to."""
    connected: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple]:
        addresses = NAMES.get(host)
        if addresses is None:
            try:
                addresses = [socket.inet_ntoa(socket.inet_aton(host))]  # 0x7f.1, 2130706433, 127.1
            except OSError:
                try:
                    addresses = [str(ipaddress.ip_address(host.partition("%")[0]))]
                except ValueError:
                    raise socket.gaierror(-2, "Name or service not known") from None
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    def connect(address: tuple[str, int], **_: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    return connected


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://127.1/", "http://127.000.000.001/", "http://2130706433/", "http://017700000001/",
        "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://0/", "http://0.0.0.0/", "http://localhost/",
        "http://LOCALHOST/", "http://localhost./", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::10.0.0.1]/", "http://[2002:7f00:1::]/", "http://[2002:a00:1::1]/", "http://[fe80::1]/",
        "http://[fc00::1]/", "http://[fd12:3456::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://10.0.0.1/",
        "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/", "http://192.0.2.1/", "http://198.18.0.1/", "http://203.0.113.7/", "http://224.0.0.1/",
        "http://240.0.0.1/", "http://255.255.255.255/", "http://inside.example/", "http://both.example/", "http://six.example/",
        "http://metadata.example/", "https://inside.example/", "http://inside.example:8080/", "http://127.0.0.1:8000/",
        "http://１２７.０.０.１/", "http://ⓛocalhost/", "http://127。0。0。1/",
    ],
)  # fmt: skip
def test_no_private_host_is_asked(resolver: list[str], url: str) -> None:
    """However it is spelled."""
    with pytest.raises((ReadError, SourceError)) as raised:
        Fetcher().fetch(url)

    assert [] == resolver
    assert raised.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://public.example/", "gopher://public.example/", "data:text/html,hi", "jar:http://x!/",
        "javascript:alert(1)", "//public.example/", "public.example", "http:public.example", "http://", "http:///etc/passwd",
        "http://user@public.example/", "http://user:pw@public.example/", "http://127.0.0.1\\@public.example/",
        "http://public.example\\@127.0.0.1/", "http://public.example:22/", "http://public.example:25/", "http://[::1",
        "http://public.example:99999/", "http://pub\nlic.example/", "http://public.example/\r\nHost: x", "http://\x00/",
        "http://xn--/", "http://" + "a" * 300 + ".example/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_page(resolver: list[str], url: str) -> None:
    """Is not asked for."""
    with pytest.raises((SourceError, ReadError)):
        Fetcher().fetch(url)

    assert [] == resolver


def test_a_name_that_changes_its_mind(resolver: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was looked at, not to what the name is a moment later."""
    monkeypatch.setitem(NAMES, "turns.example", ["93.184.216.34"])
    real = socket.getaddrinfo

    def turning(host: str, *given: object, **named: object) -> list[tuple]:
        found = real(host, *given, **named)
        NAMES["turns.example"] = ["127.0.0.1"]
        return found

    monkeypatch.setattr(socket, "getaddrinfo", turning)
    with pytest.raises(ReadError, match="cannot be reached"):
        Fetcher().fetch("http://turns.example/")

    assert ["93.184.216.34"] == resolver


def test_public_addresses() -> None:
    """The rest of the internet is there."""
    assert all(map(is_public, ("8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808")))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://Example.org", "http://example.org/"),
        ("https://example.org:443/a?b=c#d", "https://example.org/a?b=c"),
        ("http://bücher.example/käse", "http://xn--bcher-kva.example/k%C3%A4se"),
        ("http://example.org:8080/%7Ea/../b", "http://example.org:8080/%7Ea/../b"),
    ],
)
def test_one_page_has_one_address(url: str, expected: str) -> None:
    """So that it is found again."""
    assert expected == normalized_url(url)


def test_a_certificate_that_nobody_signed(server: web.WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused; one that the machine trusts is taken."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, signed = tmp_path / "key.pem", tmp_path / "signed.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", signed, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url("/news/ferry").replace("http:", "https:")
    with pytest.raises(ReadError, match="cannot be reached"):
        Fetcher(allow_private=True).fetch(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(signed))
    page = Fetcher(allow_private=True).fetch(url)

    assert page is not None
    assert ARTICLE == page.data

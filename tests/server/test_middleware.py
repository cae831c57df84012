"""Security headers, and the requests that are rejected: foreign, unknown, too large, without login."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rag.server.middleware import COOKIE, client_of, session_token

from ..browsing import fetch
from .conftest import cookie, login

pytestmark = pytest.mark.page

CHANGING = ["/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/upload"]
READ = ["/", "/config", "/documents/1", "/runs/1", "/gradio_api/queue/data?session_hash=x"]
ENDPOINTS = """
import json, pathlib, tempfile
from starlette.routing import Mount
from rag import Library
from rag.server.application import create_app
from rag.server.accounts import Account

def listed(routes, before=""):
    for route in routes:
        if isinstance(route, Mount):
            yield from listed(route.routes, before + route.path)
        elif hasattr(route, "original_router"):
            yield from listed(route.original_router.routes, before)
        elif hasattr(route, "path"):
            for method in sorted(getattr(route, "methods", None) or ["GET"]):
                yield method, before + route.path

with tempfile.TemporaryDirectory() as folder, Library.open(folder + "/index") as library:
    app = create_app(library, pathlib.Path(folder), account=Account("x", b"", b""))
    print(json.dumps(sorted(set(listed(app.routes)))))
"""


@pytest.fixture(scope="module")
def endpoints() -> list[tuple[str, str]]:
    """Returns (method, path) of every route of the server."""
    done = subprocess.run(
        [sys.executable, "-c", ENDPOINTS], capture_output=True, text=True, check=True, timeout=120, env=None
    )
    found = [(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])]
    assert len(found) > 80
    return found


def test_headers(address: str) -> None:
    """Every response carries them, a rejection too."""
    for path, headers in (("/", {}), ("/documents/1", {}), ("/nowhere", {}), ("/", {"Host": "evil.example"})):
        given = fetch(address, path, **headers).headers
        assert "default-src 'self'" in given["content-security-policy"]
        assert "frame-ancestors 'self'" in given["content-security-policy"]
        assert "nosniff" == given["x-content-type-options"]
        assert "SAMEORIGIN" == given["x-frame-options"]
        assert "access-control-allow-origin" not in given


@pytest.mark.parametrize("path", [*CHANGING, *READ])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 400),
        ({"Host": "evil.example:7860", "Origin": "http://evil.example:7860"}, 400),  # DNS rebinding
        ({"Host": "127.0.0.1.evil.example"}, 400),
        ({"Host": "localhost.evil.example"}, 400),
        ({"Host": "[::ffff:7f00:1].evil"}, 400),
        ({"Host": ""}, 400),
        ({"Host": "10.0.0.7"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "file://"}, 403),
    ],
    ids=str,
)
def test_foreign_hosts_and_pages(address: str, path: str, headers: dict[str, str], status: int) -> None:
    """Requests for another host or from another origin are rejected before they have an effect."""
    method = "POST" if path in CHANGING else "GET"
    assert status == fetch(address, path, method, "{}" if method == "POST" else None, **headers).status


@pytest.mark.parametrize("path", READ)
def test_parts_of_other_pages(address: str, path: str) -> None:
    """Another site can link here, but not load a picture or a script from here."""
    assert 403 == fetch(address, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status
    assert 403 != fetch(address, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_forms_of_other_pages(address: str, path: str, site: str) -> None:
    """A form posted from another site is rejected even if it sends no Origin header."""
    kind = "application/x-www-form-urlencoded"
    assert 403 == fetch(address, path, "POST", "x=1", Sec_Fetch_Site=site, Content_Type=kind).status


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/file=index/catalog.sqlite3", "/gradio_api/file=http://198.51.100.1/x",
        "/gradio_api/file/etc/passwd", "/file=/etc/passwd", "/gradio_api/proxy=http://198.51.100.1/", "/gradio_api/info",
        "/gradio_api/openapi.json", "/docs", "/openapi.json", "/gradio_api/dev/reload", "/gradio_api/vibe-code",
        "/gradio_api/run-history/records", "/monitoring", "/monitoring/summary", "/gradio_api/profiling/traces", "/runs",
        "/gradio_api/stream/a/b/c/playlist.m3u8", "/gradio_api/token", "/user", "/gradio_api/call/ask/1", "/manifest.json",
        "/static/../../etc/passwd", "/static/..%2f..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/svelte/..%5c..%5cetc", "//etc/passwd", "/documents/..%2f..%2fetc%2fpasswd", "/documents/1%00", "/documents/-1",
        "/documents/1/pages/../../2", "/documents/%D9%A3", "/runs/1%2f..%2f2", "/login/../documents/1", "/runs/99999",
        "/documents/99999", "/documents/1/pages/1", "/documents/1/pages/1?marked=" + "9-9," * 9_000,
        "/documents/99999999999999999999999", "/runs/1?with=x",
    ],
)  # fmt: skip
def test_nothing_else_is_served(address: str, path: str) -> None:
    """None of Gradio's other routes, and no file of the machine."""
    reply = fetch(address, path)
    assert reply.status in (404, 422)
    assert "root:" not in reply.body


@pytest.mark.parametrize(("path", "length"), [("/gradio_api/queue/join", "99999999"), ("/gradio_api/upload", "9" * 12)])
def test_large_bodies(address: str, path: str, length: str) -> None:
    """Are rejected by their Content-Length."""
    assert 413 == fetch(address, path, "POST", "x", Content_Length=length).status


def test_every_endpoint_requires_login(guarded: str, endpoints: list[tuple[str, str]]) -> None:
    """No endpoint answers without a session; a wrong password starts none, the right one opens the page."""
    wrong = login(guarded, password="wrong horse battery")
    assert 401 == wrong.status
    assert "set-cookie" not in wrong.headers
    invented = {"Cookie": f"{COOKIE}=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
    for method, path in endpoints:
        concrete = path.replace("{path:path}", "x").replace("{", "").replace("}", "")
        concrete = concrete.replace("document_id", "1").replace("number", "1").replace("page", "1")
        for headers in ({}, invented):
            reply = fetch(guarded, concrete, method, "{}" if method == "POST" else None, **headers)
            if path not in ("/login", "/gradio_api/app_id", "/gradio_api/app_id/"):
                assert reply.status in (401, 404), (method, concrete)
                assert "Weidong" not in reply.body

    right = {"Cookie": cookie(guarded)}
    assert 200 == fetch(guarded, "/", **right).status
    assert "Weidong" in fetch(guarded, "/documents/1", **right).body
    assert "/logout" in fetch(guarded, "/", **right).body


@pytest.mark.parametrize("other", ['a={"x":1}', "foo", "a[b]=1", "x=a b", "theme=\u00e9", "rag-session-2=x"])
def test_cookies_of_other_programs(other: str) -> None:
    """Cookies that another program on this machine set do not hide the session."""
    assert "T" == session_token({"cookie": f"{other}; {COOKIE}=T"})
    assert "T" == session_token({"cookie": f"{COOKIE}=T; {other}"})
    assert "" == session_token({"cookie": other})


def test_clients_are_addresses_or_networks() -> None:
    """An IPv4 address; of IPv6 the /64 network, which one household has."""
    assert "192.0.2.7" == client_of({"client": ("192.0.2.7", 1)})
    assert client_of({"client": ("2001:db8::1", 1)}) == client_of({"client": ("2001:db8::ffff:2", 1)})
    assert client_of({"client": ("2001:db8::1", 1)}) != client_of({"client": ("2001:db8:0:1::1", 1)})
    assert "" == client_of({"client": None})


@pytest.mark.parametrize(
    ("host", "status"), [("192.0.2.7:7860", 401), ("[2001:db8::7]", 401), ("rag.example", 401), ("RAG.example:1", 401),
                         ("other.example", 400), ("rag.example.evil", 400), ("[::1", 400), ("a b", 400)]
)  # fmt: skip
def test_host_names_that_are_served(guarded: str, host: str, status: int) -> None:
    """Any address and the given names; any other name is rejected."""
    assert status == fetch(guarded, "/config", Host=host).status

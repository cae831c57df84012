"""The walls before the page: foreign hosts and pages, framing, paths, sizes, floods; every endpoint asks who it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe

from rag.server.accounts import Rate
from rag.server.middleware import COOKIE, client_of, session_of

from ..browsing import ask, fetch, served, watched
from ..conftest import ARTICLE

pytestmark = pytest.mark.page

USER, PASSWORD = "jane", "correct horse battery"
CHANGING = ["/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/upload"]
READ = ["/", "/config", "/documents/1", "/runs/1", "/gradio_api/queue/data?session_hash=x"]
ENDPOINTS = """
import json, pathlib, tempfile
from starlette.routing import Mount
from rag import Library
from rag.server.application import make_app
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
    app = make_app(library, pathlib.Path(folder), owner=Account("x", b"", b""))
    print(json.dumps(sorted(set(listed(app.routes)))))
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("walls")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    return room


@pytest.fixture(scope="module")
def address(room: Path) -> Iterator[str]:
    """A page that only this machine can reach."""
    with served(room) as served_at:
        yield served_at


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page that others could reach."""
    room = tmp_path_factory.mktemp("guarded")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    command = [sys.executable, "-m", "rag.cli", "account", USER, "--password-stdin"]
    subprocess.run(command, cwd=room, input=PASSWORD + "\n", text=True, check=True, capture_output=True, timeout=60)
    with served(room, "--host", "0.0.0.0", "--name", "rag.example") as served_at:
        yield served_at.replace("0.0.0.0", "127.0.0.1")
    assert "others on the network can reach it, as 'jane'" in (room / "said.txt").read_text()


@pytest.fixture(scope="module")
def endpoints() -> list[tuple[str, str]]:
    """(method, path) of everything that the server answers."""
    done = subprocess.run(
        [sys.executable, "-c", ENDPOINTS], capture_output=True, text=True, check=True, timeout=120, env=None
    )
    found = [(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])]
    assert len(found) > 80
    return found


def login(address: str, user: str = USER, password: str = PASSWORD):
    form = f"user={quote(user)}&password={quote(password)}"
    return fetch(address, "/login", "POST", form, Content_Type="application/x-www-form-urlencoded")


def cookie(address: str) -> str:
    """What a browser sends once it has logged in."""
    return login(address).headers["set-cookie"].split(";")[0]


def test_headers(address: str) -> None:
    """Every reply carries the policy, a refusal too."""
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
        ({"Host": "evil.example:7860", "Origin": "http://evil.example:7860"}, 400),  # a name that was given our address
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
    """Whatever a page elsewhere makes a browser ask for is refused, before anything is done."""
    method = "POST" if path in CHANGING else "GET"
    assert status == fetch(address, path, method, "{}" if method == "POST" else None, **headers).status


@pytest.mark.parametrize("path", READ)
def test_parts_of_other_pages(address: str, path: str) -> None:
    """No other page can have its reader's browser load a picture or a script from here; it can lead them here."""
    assert 403 == fetch(address, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status
    assert 403 != fetch(address, path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status


@pytest.mark.parametrize("path", CHANGING)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_forms_of_other_pages(address: str, path: str, site: str) -> None:
    """A form posted from elsewhere says so, even where it sends no origin."""
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
    """Neither what Gradio would serve besides the page, nor any file of the machine."""
    reply = fetch(address, path)
    assert reply.status in (404, 422)
    assert "root:" not in reply.body


@pytest.mark.parametrize(("path", "length"), [("/gradio_api/queue/join", "99999999"), ("/gradio_api/upload", "9" * 12)])
def test_large_bodies(address: str, path: str, length: str) -> None:
    """Are refused by what they say of themselves, and cut off where they say nothing."""
    assert 413 == fetch(address, path, "POST", "x", Content_Length=length).status


def test_the_page_tells_no_path_of_the_machine(address: str, room: Path) -> None:
    """Its source and its configuration name no folder."""
    for path in ("/", "/config"):
        body = fetch(address, path).body
        assert str(room) not in body
        assert "/site-packages" not in body


def test_beyond_this_machine_an_account_is_demanded(tmp_path: Path) -> None:
    """Without one it is not opened, and says how to make one; a weak password makes none."""
    env_command = [sys.executable, "-m", "rag.cli"]
    opening = subprocess.run(
        [*env_command, "ui", "--host", "0.0.0.0", "--port", "0"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    making = subprocess.run(
        [*env_command, "account", "jane", "--password-stdin"],
        cwd=tmp_path, input="short\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (1, 1) == (opening.returncode, making.returncode)
    assert "there is no account" in opening.stderr
    assert "rag account" in opening.stderr
    assert "at least 10 characters" in making.stderr


def test_every_endpoint_asks_who_it_is(guarded: str, endpoints: list[tuple[str, str]]) -> None:
    """None answers anyone who is not logged in; with a wrong password nobody is; with the right one the page is there."""
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
    """A machine may serve more than one program: what theirs are like makes no difference."""
    assert "T" == session_of({"cookie": f"{other}; {COOKIE}=T"})
    assert "T" == session_of({"cookie": f"{COOKIE}=T; {other}"})
    assert "" == session_of({"cookie": other})


def test_whose_requests_are_counted_together() -> None:
    """An address; of IPv6 the network that one household has."""
    assert "192.0.2.7" == client_of({"client": ("192.0.2.7", 1)})
    assert client_of({"client": ("2001:db8::1", 1)}) == client_of({"client": ("2001:db8::ffff:2", 1)})
    assert client_of({"client": ("2001:db8::1", 1)}) != client_of({"client": ("2001:db8:0:1::1", 1)})
    assert "" == client_of({"client": None})


def test_behind_a_proxy_an_account_is_demanded(tmp_path: Path) -> None:
    """The proxy is reached by others, even if the page listens on this machine only."""
    opening = subprocess.run(
        [sys.executable, "-m", "rag.cli", "ui", "--port", "0", "--name", "rag.example"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (1, True) == (opening.returncode, "there is no account" in opening.stderr)


def test_a_browser_is_led_to_the_login(guarded: str) -> None:
    """And the cookie it gets is for this page alone, and for no script."""
    led = fetch(guarded, "/documents/1", Accept="text/html,*/*")
    assert (303, "/login") == (led.status, led.headers["location"])
    assert 'type="password"' in fetch(guarded, "/login").body
    given = login(guarded)
    assert (303, "/") == (given.status, given.headers["location"])
    assert {"httponly", "samesite=strict", "path=/"} <= {
        part.strip().lower() for part in given.headers["set-cookie"].split(";")
    }


def test_in_a_browser(browser, guarded: str) -> None:
    """The way in, with a wrong password and the right one; a question; the way out, after which nothing is there."""
    page = watched(browser.new_page())
    page.goto(guarded)
    for password in ("wrong horse battery", PASSWORD):
        page.fill("[name=user]", USER)
        page.fill("[name=password]", password)
        page.click("button")
        if password != PASSWORD:
            page.get_by_text("This name and password do not fit.").wait_for()
            assert [] == [one["id"] for one in Axe().run(page).response["violations"]]
    page.wait_for_selector("#question textarea")
    ask(page, "What did India raise with Sun Weidong?")
    page.wait_for_selector("sup a.chip")
    page.get_by_text("Log out jane").click()
    page.click("button")
    page.wait_for_selector("[name=password]")
    page.goto(guarded + "/documents/1")
    assert page.url == guarded + "/login"
    page.close()


def test_logging_out(guarded: str) -> None:
    """Ends the session at the server, not only in the browser."""
    mine = cookie(guarded)
    assert 200 == fetch(guarded, "/config", Cookie=mine).status
    assert 303 == fetch(guarded, "/logout", "POST", "", Cookie=mine).status
    assert 401 == fetch(guarded, "/config", Cookie=mine).status


@pytest.mark.parametrize(
    ("host", "status"), [("192.0.2.7:7860", 401), ("[2001:db8::7]", 401), ("rag.example", 401), ("RAG.example:1", 401),
                         ("other.example", 400), ("rag.example.evil", 400), ("[::1", 400), ("a b", 400)]
)  # fmt: skip
def test_names_it_answers_to(guarded: str, host: str, status: int) -> None:
    """Its addresses and the names it was given; a name that someone else pointed at it is refused."""
    assert status == fetch(guarded, "/config", Host=host).status


def test_guessing_is_slowed_down(guarded: str) -> None:
    """After ten tries in a row it has to be waited; another name makes no difference."""
    tries = [login(guarded, user=f"jane{n}", password="wrong horse") for n in range(14)]
    assert 429 == tries[-1].status
    assert 0 < int(tries[-1].headers["retry-after"]) <= 6
    assert 429 == login(guarded).status  # the right one, too: no answer tells whether it is
    assert 413 == fetch(guarded, "/login", "POST", "x" * 20_000).status


def test_how_often_a_client_may() -> None:
    """So many at once, then so many a second; what is refused does not count."""
    rate = Rate(3, 2.0, clock=iter([0.0, 0.0, 0.0, 0.0, 0.4, 0.5, 9.0]).__next__)
    assert [0, 0, 0, 0.5, pytest.approx(0.1), 0, 0] == [rate.wait_s("a") for _ in range(7)]


def test_https(tmp_path: Path) -> None:
    """With a certificate the page is encrypted, and its cookie travels no other way; a broken one is named."""
    (tmp_path / "seeds").mkdir()
    make = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=rag.example"
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    subprocess.run([openssl, *make.split()], cwd=tmp_path, check=True, capture_output=True)
    rag = [sys.executable, "-m", "rag.cli"]
    subprocess.run(
        [*rag, "account", USER, "--password-stdin"], cwd=tmp_path, input=PASSWORD, text=True, check=True, timeout=60
    )
    broken = subprocess.run(
        [*rag, "ui", "--host", "0.0.0.0", "--certificate", "key.pem", "--key", "nowhere.pem"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (1, True) == (broken.returncode, "the certificate cannot be used" in broken.stderr)
    with served(tmp_path, "--host", "0.0.0.0", "--certificate", "cert.pem", "--key", "key.pem") as served_at:
        given = login(served_at.replace("0.0.0.0", "127.0.0.1"))
        assert served_at.startswith("https://")
    assert "secure" in given.headers["set-cookie"].lower()

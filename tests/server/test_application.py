"""The server application: who may reach it, login and logout, https, addresses that cannot be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from ..browsing import ask, fetch, served, watched
from .conftest import PASSWORD, USER, cookie, login

pytestmark = pytest.mark.page


def test_the_page_discloses_no_path(address: str, room: Path) -> None:
    """Its source and its configuration name no folder of the machine."""
    for path in ("/", "/config"):
        body = fetch(address, path).body
        assert str(room) not in body
        assert "/site-packages" not in body


def test_other_machines_need_an_account(tmp_path: Path) -> None:
    """Without an account the page is not served, and the error says how to create one; a weak password creates none."""
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
    assert "at least 10 and at most" in making.stderr


def test_a_proxy_needs_an_account(tmp_path: Path) -> None:
    """Other machines reach the proxy, even if the page listens on this machine only."""
    opening = subprocess.run(
        [sys.executable, "-m", "rag.cli", "ui", "--port", "0", "--name", "rag.example"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (1, True) == (opening.returncode, "there is no account" in opening.stderr)


def test_a_browser_is_redirected_to_the_login(guarded: str) -> None:
    """The cookie that it gets is for this site only, and hidden from scripts."""
    redirect = fetch(guarded, "/documents/1", Accept="text/html,*/*")
    assert (303, "/login") == (redirect.status, redirect.headers["location"])
    assert 'type="password"' in fetch(guarded, "/login").body
    given = login(guarded)
    assert (303, "/") == (given.status, given.headers["location"])
    assert {"httponly", "samesite=strict", "path=/"} <= {
        part.strip().lower() for part in given.headers["set-cookie"].split(";")
    }


def test_login_in_a_browser(browser, guarded: str) -> None:
    """A wrong password, the right one, a question, and logout, after which nothing is served."""
    page = watched(browser.new_page())
    page.goto(guarded)
    for password in ("wrong horse battery", PASSWORD):
        page.fill("[name=user]", USER)
        page.fill("[name=password]", password)
        page.click("button")
        if password != PASSWORD:
            page.get_by_text("Wrong username or password.").wait_for()
            assert [] == [one["id"] for one in Axe().run(page).response["violations"]]
    page.wait_for_selector("#question textarea")
    ask(page, "What did India raise with Sun Weidong?")
    page.wait_for_selector("sup a.chip")
    page.get_by_text("Log out (jane)").click()
    page.click("button")
    page.wait_for_selector("[name=password]")
    page.goto(guarded + "/documents/1")
    assert page.url == guarded + "/login"
    page.close()


def test_logout(guarded: str) -> None:
    """Ends the session on the server, not only in the browser."""
    mine = cookie(guarded)
    assert 200 == fetch(guarded, "/config", Cookie=mine).status
    assert 303 == fetch(guarded, "/logout", "POST", "", Cookie=mine).status
    assert 401 == fetch(guarded, "/config", Cookie=mine).status


def test_guessing_is_slowed_down(guarded: str) -> None:
    """After ten attempts in a row a client has to wait, under any name."""
    tries = [login(guarded, user=f"jane{n}", password="wrong horse") for n in range(14)]
    assert 429 == tries[-1].status
    assert 0 < int(tries[-1].headers["retry-after"]) <= 6
    assert 429 == login(guarded).status  # the right password too: the response must not tell
    assert 413 == fetch(guarded, "/login", "POST", "x" * 20_000).status


def test_https(tmp_path: Path) -> None:
    """With a certificate the page is encrypted and its cookie is secure; a broken certificate is named."""
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
    assert (1, True) == (broken.returncode, "cannot load the certificate" in broken.stderr)
    with served(tmp_path, "--host", "0.0.0.0", "--certificate", "cert.pem", "--key", "key.pem") as served_at:
        given = login(served_at.replace("0.0.0.0", "127.0.0.1"))
        assert served_at.startswith("https://")
    assert "secure" in given.headers["set-cookie"].lower()


def test_a_port_in_use_is_named(address: str, tmp_path: Path) -> None:
    """In one line, without a traceback."""
    port = address.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "rag.cli", "ui", "--port", port]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr

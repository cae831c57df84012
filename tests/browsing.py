"""The page as its visitors meet it: served by `rag ui` in a process of its own, opened in a real browser."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


_streams: WeakKeyDictionary = WeakKeyDictionary()  # page → its requests that wait for what events bring


class Served(str):
    """The address of a server, and its process."""

    pid: int

    def memory(self) -> int:
        """Bytes it has in memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


@contextmanager
def served(room: Path, *options: str, **environment: str) -> Iterator[Served]:
    """The address of a page over the documents in `room/seeds`; what the server said is in `room/said.txt` afterwards.

    Args:
        room: The folder it runs in.
        options: Of `rag ui`.
        environment: Variables it has besides.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_"))}
    env |= {"RAG_DOCUMENTS": "seeds", **environment}
    command = [sys.executable, "-m", "rag.cli", "--trust", "ui", "--port", "0", *options]
    with (room / "said.txt").open("w") as said:
        server = subprocess.Popen(command, cwd=room, env=env, stdout=subprocess.PIPE, stderr=said, text=True)
        line = server.stdout.readline()
        try:
            address = Served(re.search(r"https?://[\d.:]+", line).group())
            address.pid = server.pid
            yield address
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
            said.write(line + server.stdout.read())
            server.stdout.close()


@dataclass(frozen=True)
class Reply:
    """What a server answered; header names are in small letters."""

    status: int
    headers: dict[str, str]
    body: str


def fetch(address: str, path: str = "/", method: str = "GET", body: str | None = None, **headers: str) -> Reply:
    """Asks a server as no browser would: with any headers (`_` for `-`), no redirect followed, no certificate checked."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        # An event stream does not end: how it begins is enough.
        text = reply.read(200_000) if "event-stream" not in reply.headers.get("content-type", "") else b""
        return Reply(
            reply.status, {name.lower(): value for name, value in reply.headers.items()}, text.decode("utf-8", "replace")
        )
    finally:
        connection.close()


def watched(page):
    """A page of which `at_rest` can tell whether it is; to be called before it goes anywhere."""
    streams = _streams[page] = set()
    page.on("request", lambda request: streams.add(request) if "/queue/data" in request.url else None)
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: streams.discard(request))  # Playwright refuses a built-in
    return page


def opened(context, address: str):
    """A page in a browser's context, ready to be asked."""
    page = watched(context.new_page())
    page.goto(address)
    page.wait_for_selector("#question textarea")
    return page


def at_rest(page) -> None:
    """Waits until its events have ended."""
    quiet_since, give_up = time.monotonic(), time.monotonic() + 30
    while time.monotonic() - quiet_since < 0.15:
        assert time.monotonic() < give_up, "the page does not come to rest"
        page.wait_for_timeout(30)
        if _streams[page]:
            quiet_since = time.monotonic()


def reloaded(page) -> None:
    """Loads it anew at rest: Gradio logs events that this cuts off as errors."""
    at_rest(page)
    page.reload()


@contextmanager
def visiting(browser, address: str, **how):
    """A fresh visitor; fails if the page asked anyone else for anything, or wrote errors to the console."""
    context = browser.new_context(**how)
    asked, errors = [], []
    context.on("request", lambda request: asked.append(request.url))
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield opened(context, address)
    context.close()

    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []


def put(page, number: str, entry: str) -> None:
    """Writes what is kept of a conversation into the browser's storage, as another window might."""
    key = page.locator("ul.talks").get_attribute("id")
    page.evaluate("([key, entry]) => localStorage.setItem(key, entry)", [f"{key}-{number}", entry])


def ask(page, question: str) -> None:
    """Types a question and presses Enter, at rest: a second one is not taken until the event that answers has ended."""
    at_rest(page)
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")

"""Serves the page with `rag ui` in a process of its own, and opens it in a real browser."""

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


_streams: WeakKeyDictionary = WeakKeyDictionary()  # page → its open requests for events


class Served(str):
    """The address of a server, with the id of its process."""

    pid: int

    def memory(self) -> int:
        """Returns the resident memory of the server, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def handles(self) -> int:
        """Returns how many files, sockets and pipes the server holds open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


@contextmanager
def served(room: Path, *options: str, **environment: str) -> Iterator[Served]:
    """Serves a page over the documents in `room/seeds`; its output is in `room/said.txt` afterwards.

    Args:
        room: The folder that the server runs in.
        options: Options of `rag ui`.
        environment: Additional environment variables.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_"))}
    env |= {"RAG_DOCUMENTS": "seeds", **environment}
    command = [sys.executable, "-m", "rag.cli", "--trust", "ui", "--port", "0", *options]
    with (room / "said.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=room, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        line = server.stdout.readline()
        try:
            address = Served(re.search(r"https?://[\d.:]+", line).group())
            address.pid = server.pid
            yield address
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
            log.write(line + server.stdout.read())
            server.stdout.close()


@dataclass(frozen=True)
class Reply:
    """The response of a server; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: str


def fetch(address: str, path: str = "/", method: str = "GET", body: str | None = None, **headers: str) -> Reply:
    """Sends a request with any headers (`_` for `-`); follows no redirect and checks no certificate."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        # An event stream does not end: do not read it.
        text = reply.read(200_000) if "event-stream" not in reply.headers.get("content-type", "") else b""
        return Reply(
            reply.status, {name.lower(): value for name, value in reply.headers.items()}, text.decode("utf-8", "replace")
        )
    finally:
        connection.close()


def watched(page):
    """Returns a page that `at_rest` can wait for; call this before the page loads anything."""
    streams = _streams[page] = set()
    page.on("request", lambda request: streams.add(request) if "/queue/data" in request.url else None)
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: streams.discard(request))  # a lambda: Playwright refuses a built-in
    return page


def opened(context, address: str):
    """Opens the page in a browser's context; returns it when a question can be asked."""
    page = watched(context.new_page())
    page.goto(address)
    page.wait_for_selector("#question textarea")
    return page


def at_rest(page) -> None:
    """Waits until the page's events have ended."""
    quiet_since, deadline = time.monotonic(), time.monotonic() + 30
    while time.monotonic() - quiet_since < 0.15:
        assert time.monotonic() < deadline, "the page does not come to rest"
        page.wait_for_timeout(30)
        if _streams[page]:
            quiet_since = time.monotonic()


def reloaded(page) -> None:
    """Reloads the page when its events have ended: Gradio logs interrupted ones as errors."""
    at_rest(page)
    page.reload()


@contextmanager
def visiting(browser, address: str, **options):
    """Opens the page as a new visitor; fails if the page requested another host or logged errors to the console."""
    context = browser.new_context(**options)
    requested, errors = [], []
    context.on("request", lambda request: requested.append(request.url))
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield opened(context, address)
    context.close()

    assert [url for url in requested if not url.startswith((address, "data:", "blob:"))] == []
    assert errors == []


def put(page, number: str, entry: str) -> None:
    """Writes a conversation into the browser's storage, as another window might."""
    key = page.locator("ul.talks").get_attribute("id")
    page.evaluate("([key, entry]) => localStorage.setItem(key, entry)", [f"{key}-{number}", entry])


def ask(page, question: str) -> None:
    """Types a question and presses Enter once the page is at rest: Gradio ignores a second one while it answers."""
    at_rest(page)
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")


def wait_for_answer(page, n: int) -> None:
    """Waits until the n-th answer of the conversation is finished."""
    page.locator("#chat .verdict").nth(n - 1).wait_for()


def choose(page, box: str, words: str) -> None:
    """Chooses the first option of a dropdown that contains the words."""
    page.click(f"{box} input")
    page.get_by_role("option", name=re.compile(re.escape(words))).first.click()


def add_to_folder(page, file: Path, text: str) -> Path:
    """Writes a document into the synced folder, and returns to the Ask tab once the document is listed."""
    file.write_text(text, "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.locator("#documents", has_text=file.name).wait_for()
    page.get_by_role("tab", name="Ask").click()
    return file

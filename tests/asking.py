"""Asks the page without a browser: through its event protocol, as a program does, or by its handler in this process."""

from __future__ import annotations

import asyncio
import html
import http.client
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rag import Library
from rag.server.page.views.conversations import Conversation
from rag.server.page.views.markup import escaped


@dataclass(frozen=True)
class CallResult:
    """The outcome of a question.

    Attributes:
        status: Of the response that accepted or rejected the question.
        conversation: Everything that the events of the answer hold; the response's text if it was rejected.
        whole: Whether the answer was completed.
        first_s: Seconds from the question to the first event of the answer.
        refused_s: Seconds from the question to its rejection.
        retry_after: The header of that name.
    """

    status: int
    conversation: str = ""
    whole: bool = False
    first_s: float = 0.0
    refused_s: float = 0.0
    retry_after: str = ""


@dataclass
class Caller:
    """A program that talks to the page, with a session of its own."""

    address: str
    session: str = field(default_factory=lambda: secrets.token_hex(6))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The page's configuration: its components and events."""
        connection = self._connection()
        connection.request("GET", "/config")
        try:
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def ask(self, question: str, leave: Callable[[str], bool] = lambda _: False) -> CallResult:
        """Asks, and reads the answer while it is written; hangs up as soon as `leave` accepts the text so far."""
        return self.call("question", "submit", self.asking(question), leave)

    @staticmethod
    def asking(question: str) -> list[Any]:
        """Returns what the page sends with a question."""
        return [question, 0, None, None, None, None, "", ""]

    def joining(self, elem_id: str, event: str, data: list[Any]) -> dict[str, Any]:
        """Returns what the page sends when an event of a component occurs."""
        return {"data": data, "fn_index": self._handler(elem_id, event), "session_hash": self.session, "trigger_id": None}

    def call(self, elem_id: str, event: str, data: list[Any], leave: Callable[[str], bool] = lambda _: False) -> CallResult:
        """Triggers an event of a component, with any values for its handler's inputs."""
        started = time.monotonic()
        body = json.dumps(self.joining(elem_id, event, data))
        status, headers, text = self.post("/gradio_api/queue/join", body, "application/json")
        if status != 200:
            refused_s = time.monotonic() - started
            return CallResult(status, text, refused_s=refused_s, retry_after=headers.get("retry-after", ""))
        return self._read(started, leave)

    def upload(self, files: Mapping[str, str]) -> tuple[int, str]:
        """Uploads texts by file name, as the page does. Returns (status, text) of the response: a JSON list of paths."""
        status, _, text = self.post("/gradio_api/upload", multipart(files), MULTIPART)
        return status, text

    def add(self, paths: Iterable[str], leave: Callable[[str], bool] = lambda _: False) -> CallResult:
        """Adds files that were uploaded."""
        return self.call("upload", "upload", [[uploaded(path) for path in paths]], leave)

    def post(self, path: str, body: str | bytes, content_type: str) -> tuple[int, dict[str, str], str]:
        """Returns (status, headers, text) of the response."""
        connection = self._connection()
        try:
            connection.request("POST", path, body, {"Content-Type": content_type})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.headers.items()}
            return response.status, headers, response.read().decode()
        finally:
            connection.close()

    def _read(self, started: float, leave: Callable[[str], bool]) -> CallResult:
        connection = self._connection()
        connection.request("GET", f"/gradio_api/queue/data?session_hash={self.session}")
        response = connection.getresponse()
        text, first_s = "", 0.0
        try:
            for line in response:
                event = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if event.get("msg") in ("process_generating", "process_completed"):
                    first_s = first_s or time.monotonic() - started
                    text += json.dumps(without_hits(event["output"]), ensure_ascii=False)
                if event.get("msg") == "process_completed":
                    return CallResult(response.status, text, bool(event["success"]), first_s)
                if leave(text):
                    break
        finally:
            response.close()
            connection.close()
        return CallResult(response.status, text, False, first_s)

    def _handler(self, elem_id: str, event: str) -> int:
        (component,) = (c["id"] for c in self.config["components"] if c["props"].get("elem_id") == elem_id)
        handlers = self.config["dependencies"]
        handler = next(d for d in handlers if [component, event] in d["targets"])
        if not handler["backend_fn"]:  # it only cancels others; the handler with the effect follows it
            handler = next(d for d in handlers if d["trigger_after"] == handler["id"])
        return int(handler["id"])

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)


def uploaded(path: str) -> dict[str, object]:
    """Returns what the page sends for a file that was uploaded."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": Path(path).name}


MULTIPART = "multipart/form-data; boundary=edge"


def multipart(files: Mapping[str, str]) -> bytes:
    """Returns the body of an upload of texts by file name; names are sent as they are, as far as a header allows."""
    body = ""
    for name, text in files.items():
        plain = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
        body += f'--edge\r\nContent-Disposition: form-data; name="files"; filename="{plain}"\r\n'
        body += f"Content-Type: text/plain\r\n\r\n{text}\r\n"
    return f"{body}--edge--\r\n".encode()


_STORED = escaped('{"conversations"')  # the beginning of a message that stores a conversation in the browser


def without_hits(output: Any) -> Any:
    """Returns an event's output without the hits of answers, which are stored with them and may be any passages."""
    if isinstance(output, dict):
        return {key: [] if key == "hits" else without_hits(value) for key, value in output.items()}
    if isinstance(output, list):
        return [without_hits(value) for value in output]
    is_stored = isinstance(output, str) and output.startswith(_STORED)
    return without_hits(json.loads(html.unescape(output))) if is_stored else output


def flood(caller: Caller, question: str, many: int) -> list[CallResult]:
    """Asks many questions in one moment, as many visitors; returns how each was received. The answers are not read."""

    async def ask() -> CallResult:
        started = time.monotonic()
        parts = urlsplit(caller.address)
        body = json.dumps(
            {**caller.joining("question", "submit", caller.asking(question)), "session_hash": secrets.token_hex(6)}
        )
        head = f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        response = (await reader.read()).decode()
        seconds = time.monotonic() - started
        writer.close()
        retry = re.search(r"(?i)retry-after: (\d+)", response)
        return CallResult(int(response.split(" ", 2)[1]), refused_s=seconds, retry_after=retry.group(1) if retry else "")

    async def ask_all() -> list[CallResult]:
        return await asyncio.gather(*(ask() for _ in range(many)))

    with ThreadPoolExecutor(1) as executor:  # the browser of a test may run a loop in this thread
        return executor.submit(lambda: asyncio.run(ask_all())).result()


NEW = Conversation("", "")


def asked_on_the_page(
    library: Library, question: str, before: Conversation = NEW
) -> tuple[list[dict[str, str]], str, Conversation]:
    """Returns (chat, source panel, conversation) after a question; calls the page's handler in this process."""
    from rag.server.page.chat_tab import ChatTab, gr

    async def build() -> ChatTab:  # outside a running loop Gradio makes loops of its own, and leaves them open
        with gr.Blocks(analytics_enabled=False):
            return ChatTab(library)

    tab = asyncio.run(build())
    *_, last = tab.ask(question, 0, before, [], None, None, "", "")
    outputs = {component.elem_id or type(component).__name__: value for component, value in last.items()}
    conversation = next(value for value in last.values() if isinstance(value, Conversation))
    return outputs["chat"], outputs["source"], conversation

"""The page asked without a browser: its event protocol, as a program speaks it; or its handler, in this process."""

from __future__ import annotations

import asyncio
import html
import http.client
import json
import re
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from rag import Library
from rag.server.page.views.answer_view import escaped
from rag.server.page.views.conversations import Talk


@dataclass(frozen=True)
class Asked:
    """What came of a question; `status` is of the reply that let it in, or refused it. Times are seconds after asking."""

    status: int
    conversation: str = ""
    whole: bool = False
    first_s: float = 0.0
    refused_s: float = 0.0
    retry_after: str = ""


@dataclass
class Caller:
    """A visitor of its own."""

    address: str
    session: str = field(default_factory=lambda: secrets.token_hex(6))

    @cached_property
    def config(self) -> dict[str, Any]:
        """What the page tells of itself."""
        connection = self._connection()
        connection.request("GET", "/config")
        try:
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def ask(self, question: str, leave: Callable[[str], bool] = lambda _: False) -> Asked:
        """Asks, and reads the answer as it is written; `leave` says at which text to hang up."""
        return self.call("question", "submit", self.asking(question), leave)

    @staticmethod
    def asking(question: str) -> list[Any]:
        """What the page sends with a question."""
        return [question, 0, None, None, None, None, "", ""]

    def joining(self, elem_id: str, event: str, data: list[Any]) -> dict[str, Any]:
        """What the page sends when something happens to a component."""
        return {"data": data, "fn_index": self._handler(elem_id, event), "session_hash": self.session, "trigger_id": None}

    def call(self, elem_id: str, event: str, data: list[Any], leave: Callable[[str], bool] = lambda _: False) -> Asked:
        """Does what an event of a component does, with any values for what its handler is given."""
        begun = time.monotonic()
        body = json.dumps(self.joining(elem_id, event, data))
        status, headers, text = self.post("/gradio_api/queue/join", body, "application/json")
        if status != 200:
            return Asked(status, text, refused_s=time.monotonic() - begun, retry_after=headers.get("retry-after", ""))
        return self._read(begun, leave)

    def post(self, path: str, body: str | bytes, kind: str) -> tuple[int, dict[str, str], str]:
        """(status, headers, text) of what is answered."""
        connection = self._connection()
        try:
            connection.request("POST", path, body, {"Content-Type": kind})
            reply = connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.read().decode()
        finally:
            connection.close()

    def _read(self, begun: float, leave: Callable[[str], bool]) -> Asked:
        reading = self._connection()
        reading.request("GET", f"/gradio_api/queue/data?session_hash={self.session}")
        reply = reading.getresponse()
        said, first_s = "", 0.0
        try:
            for line in reply:
                event = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if event.get("msg") in ("process_generating", "process_completed"):
                    first_s = first_s or time.monotonic() - begun
                    said += json.dumps(told(event["output"]), ensure_ascii=False)
                if event.get("msg") == "process_completed":
                    return Asked(reply.status, said, bool(event["success"]), first_s)
                if leave(said):
                    break
        finally:
            reply.close()
            reading.close()
        return Asked(reply.status, said, False, first_s)

    def _handler(self, elem_id: str, event: str) -> int:
        (component,) = (c["id"] for c in self.config["components"] if c["props"].get("elem_id") == elem_id)
        handlers = self.config["dependencies"]
        handler = next(d for d in handlers if [component, event] in d["targets"])
        if not handler["backend_fn"]:  # it only ends others; what it does comes then
            handler = next(d for d in handlers if d["trigger_after"] == handler["id"])
        return int(handler["id"])

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)


_KEPT = escaped('{"talks"')


def told(output: Any) -> Any:
    """What an answer tells: without the passages that were found for it, which are kept with it and may be any."""
    if isinstance(output, dict):
        return {key: [] if key == "hits" else told(value) for key, value in output.items()}
    if isinstance(output, list):
        return [told(value) for value in output]
    is_kept = isinstance(output, str) and output.startswith(_KEPT)
    return told(json.loads(html.unescape(output))) if is_kept else output


def flood(caller: Caller, question: str, many: int) -> list[Asked]:
    """What is said to so many questions in one moment, of as many visitors; nobody reads the answers."""

    async def ask() -> Asked:
        begun = time.monotonic()
        parts = urlsplit(caller.address)
        body = json.dumps(
            {**caller.joining("question", "submit", caller.asking(question)), "session_hash": secrets.token_hex(6)}
        )
        head = f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        reply = (await reader.read()).decode()
        seconds = time.monotonic() - begun
        writer.close()
        retry = re.search(r"(?i)retry-after: (\d+)", reply)
        return Asked(int(reply.split(" ", 2)[1]), refused_s=seconds, retry_after=retry.group(1) if retry else "")

    async def all_of_them() -> list[Asked]:
        return await asyncio.gather(*(ask() for _ in range(many)))

    with ThreadPoolExecutor(1) as aside:  # the browser of a test may have a loop running here
        return aside.submit(lambda: asyncio.run(all_of_them())).result()


NEW = Talk("", "")


def asked_on_the_page(library: Library, question: str, before: Talk = NEW) -> tuple[list[dict[str, str]], str, Talk]:
    """The chat, the panel of sources and the conversation after a question: its handler called in this process."""
    from rag.server.page.chat_tab import AskRoom, gr

    async def laid_out() -> AskRoom:  # outside a running loop Gradio makes loops of its own, and leaves them open
        with gr.Blocks(analytics_enabled=False):
            return AskRoom(library)

    room = asyncio.run(laid_out())
    *_, last = room.ask(question, 0, before, [], None, None, "", "")
    shown = {component.elem_id or type(component).__name__: value for component, value in last.items()}
    talked = next(value for value in last.values() if isinstance(value, Talk))
    return shown["chat"], shown["source"], talked

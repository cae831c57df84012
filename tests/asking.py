"""The page asked without a browser: its event protocol, as a program speaks it."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit


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
        return self.call("question", "submit", [question, 0, None, None, None, None, "", ""], leave)

    def call(self, elem_id: str, event: str, data: list[Any], leave: Callable[[str], bool] = lambda _: False) -> Asked:
        """Does what an event of a component does, with any values for what its handler is given."""
        begun = time.monotonic()
        handler = self._handler(elem_id, event)
        body = json.dumps({"data": data, "fn_index": handler, "session_hash": self.session, "trigger_id": None})
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
                    said += json.dumps(event["output"], ensure_ascii=False)
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
        return next(d["id"] for d in self.config["dependencies"] if [component, event] in d["targets"])

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)

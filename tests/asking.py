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
        asking = self.handler("question")
        begun = time.monotonic()
        joining = self._connection()
        data = [question, 0, None, None, None, None, "", ""]
        body = json.dumps({"data": data, "fn_index": asking, "session_hash": self.session, "trigger_id": None})
        joining.request("POST", "/gradio_api/queue/join", body, {"Content-Type": "application/json"})
        reply = joining.getresponse()
        text = reply.read().decode()
        joining.close()
        if reply.status != 200:
            return Asked(
                reply.status, text, refused_s=time.monotonic() - begun, retry_after=reply.headers.get("Retry-After", "")
            )
        return self._read(begun, leave)

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

    def handler(self, elem_id: str) -> int:
        """The number of the handler that a component's Enter starts."""
        (component,) = (c["id"] for c in self.config["components"] if c["props"].get("elem_id") == elem_id)
        return next(d["id"] for d in self.config["dependencies"] if [component, "submit"] in d["targets"])

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)

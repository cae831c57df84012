"""A real HTTP server that speaks the OpenAI protocol with scripted replies, for tests of everything behind a model."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Reply = Callable[["Handler"], None]


class ModelServer(ThreadingHTTPServer):
    """Each request gets the next scripted reply; the last one is repeated."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: deque[Reply] = deque()
        self.requests: list[dict[str, Any]] = []
        self.closed = threading.Event()  # set when the client closes a connection in the middle of a reply
        self.closed_at = 0.0  # when, by time.monotonic

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.was_closed()

    def was_closed(self) -> None:
        """Records the first time."""
        if not self.closed.is_set():
            self.closed_at = time.monotonic()
            self.closed.set()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: ModelServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append({"path": self.path, "body": body, "key": self.headers.get("authorization", "")})
        replies = self.server.replies
        (replies.popleft() if len(replies) > 1 else replies[0])(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its base class's name
        """Logs nothing."""

    def begin(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True

    def event(self, value: object) -> None:
        self.wfile.write(b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n")
        self.wfile.flush()

    def said(self, text: str, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
        self.event({"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]})


def says(*pieces: str, finish: str | None = "stop", done: bool = True) -> Reply:
    """Streams text and ends."""

    def reply(handler: Handler) -> None:
        handler.begin()
        for piece in pieces:
            handler.said(piece)
        if finish:
            handler.said("", finish)
        if done:
            handler.event(b"[DONE]")

    return reply


def fails(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """Replies with an error."""

    def reply(handler: Handler) -> None:
        handler.begin(status, "application/json", **headers)
        handler.wfile.write(json.dumps({"error": {"message": message, "code": code, "type": "x"}}).encode())

    return reply


def page(handler: Handler) -> None:
    """A proxy's login page."""
    handler.begin(200, "text/html")
    handler.wfile.write(b"<html>log in</html>")


def trickles(handler: Handler) -> None:
    """Sends comments without end, so that no read times out."""
    handler.begin()
    for _ in range(300):
        handler.wfile.write(b": ping\n\n")
        handler.wfile.flush()
        time.sleep(0.05)


def drips(handler: Handler) -> None:
    """Sends a word every 50 ms, without end."""
    handler.begin()
    for _ in range(300):
        handler.said("word ")
        time.sleep(0.05)


def broken_json(handler: Handler) -> None:
    """Sends a chunk that is not JSON."""
    handler.begin()
    handler.said("It is ")
    handler.event(b"{nonsense")


def cut(handler: Handler) -> None:
    """Resets the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.shutdown(socket.SHUT_WR)  # else the reset waits for the response object's copies of the socket
    handler.connection.close()


def error_in_stream(handler: Handler) -> None:
    """Sends an error in place of text."""
    handler.event({"error": {"message": "upstream broke, key sk-canary0123456789abcdef", "type": "server_error"}})


def after(text: str, then: Reply) -> Reply:
    """Streams some text, then continues with another reply."""

    def reply(handler: Handler) -> None:
        handler.begin()
        for at in range(0, len(text), 5):
            handler.said(text[at : at + 5])
        then(handler)

    return reply


def waits(handler: Handler) -> None:
    """Sends nothing until the client disconnects."""
    for _ in range(300):
        readable, _, _ = select.select([handler.connection], [], [], 0.1)
        if readable and not handler.connection.recv(1, socket.MSG_PEEK):
            handler.server.was_closed()
            return


def body(status: int, kind: str, text: bytes, **headers: str) -> Reply:
    """Replies with these bytes."""

    def reply(handler: Handler) -> None:
        handler.begin(status, kind, **headers)
        handler.wfile.write(text)

    return reply


def whole(text: str | None, finish: str = "stop") -> Reply:
    """Replies as a server that does not stream: with one JSON object."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return body(
        200, "application/json", json.dumps({"id": "x", "choices": [choice], "usage": {"total_tokens": 7}}).encode()
    )


def takes_at_most(passages: int, then: Reply) -> Reply:
    """Replies as a model with a small context window."""

    def reply(handler: Handler) -> None:
        asked = handler.server.requests[-1]["body"]["messages"][-1]["content"]
        if asked.count("<passage ") > passages:
            fails(400, "This model's maximum context length is 4096 tokens", code="context_length_exceeded")(handler)
        else:
            then(handler)

    return reply


def counts_no_tokens(then: Reply) -> Reply:
    """Replies as an older server that does not know `stream_options`."""

    def reply(handler: Handler) -> None:
        if "stream_options" in handler.server.requests[-1]["body"]:
            fails(400, "unknown field stream_options")(handler)
        else:
            then(handler)

    return reply


def embeds(dimension: int = 8) -> Reply:
    """Embeds deterministically: letters counted by their code."""

    def reply(handler: Handler) -> None:
        texts = handler.server.requests[-1]["body"]["input"]
        rows = []
        for i, text in enumerate(texts):
            vector = [1.0] * dimension
            for character in text.lower():
                vector[ord(character) % dimension] += 1
            rows.append({"object": "embedding", "index": i, "embedding": vector})
        handler.begin(200, "application/json")
        reply = {"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        handler.wfile.write(json.dumps(reply).encode())

    return reply


def embeds_badly(change: Callable[[list[list[float]]], list[list[Any]]]) -> Reply:
    """Embeds and then changes the vectors."""

    def reply(handler: Handler) -> None:
        texts = handler.server.requests[-1]["body"]["input"]
        rows = change([[1.0 + len(text)] + [1.0] * 7 for text in texts])
        data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
        handler.begin(200, "application/json")
        handler.wfile.write(json.dumps({"object": "list", "data": data, "model": "m"}).encode())

    return reply


Server = TypeVar("Server", bound=ThreadingHTTPServer)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Runs a server in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def model_server(*replies: Reply) -> Iterator[ModelServer]:
    """Runs a model server with these replies."""
    with serving(ModelServer()) as server:
        server.replies.extend(replies)
        yield server

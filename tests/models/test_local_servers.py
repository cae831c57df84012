"""Servers of models on this machine are found and offered; what answers strangely is passed over."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rag.cli import rendering
from rag.models.local_servers import LocalServer, find_local_servers


@contextmanager
def server(status: int, text: str, **headers: str) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path} {self.headers.get('content-length', 0)}")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}/v1", asked
        made.shutdown()
        thread.join()


def test_found_and_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request for the list, without a body, whatever the proxy settings say; the offer is a command to copy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server(200, json.dumps({"data": [{"id": "llama3.2:3b"}, {"id": "odd name; rm"}, {"no": 1}]})) as (url, asked):
        found = find_local_servers([("Ollama", url), ("LM Studio", "http://127.0.0.1:9/v1")])

    assert [LocalServer("Ollama", url, ("llama3.2:3b", "odd name; rm"))] == found
    assert ["GET /v1/models 0"] == asked
    lines = list(rendering.local_servers(found))
    assert f"  rag --base-url {url} --model llama3.2:3b ask …" in lines
    assert f"  rag --base-url {url} --model 'odd name; rm' ask …" in lines
    assert "no model server" in next(rendering.local_servers([]))


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [
        (404, "", {}),
        (200, "<html>", {}),
        (200, "[1]", {}),
        (200, '{"data": 3}', {}),
        (302, "", {"location": "http://[::1]:9/"}),
    ],
)
def test_strange_answers(status: int, text: str, headers: dict[str, str]) -> None:
    """Another program on that port is no model server."""
    with server(status, text, **headers) as (url, _):
        assert [] == find_local_servers([("Ollama", url)])

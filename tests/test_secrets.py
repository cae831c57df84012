"""Keys never appear: not in what is printed or logged, not in errors and tracebacks, not in any file that is left."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from rag import Library
from rag.errors import RagError
from rag.settings import Settings

from . import model_server as fake
from .conftest import ARTICLE
from .torture.world import leave_chroma_alone

pytestmark = pytest.mark.outage

KEY = "sk-canary-Zq9w3XvT7pLm2"
QUESTION = "What did India raise with Sun Weidong?"
ECHO = f"Incorrect API key provided: {KEY}. Authorization: Bearer {KEY}"


def both(chat: fake.Reply, embeddings: fake.Reply) -> fake.Reply:
    """A server for both purposes."""

    def reply(handler: fake.Handler) -> None:
        is_chat = handler.path.endswith("/chat/completions")
        (chat if is_chat else embeddings)(handler)

    return reply


SERVERS: dict[str, fake.Reply] = {
    "all is well": both(fake.says("India raised rare earths [1]."), fake.embeds()),
    "the key is refused": both(fake.fails(401, ECHO), fake.fails(401, ECHO)),
    "it stumbles": both(fake.fails(500, ECHO), fake.fails(500, ECHO)),
    "it refuses": both(fake.fails(400, ECHO), fake.fails(403, ECHO)),
    "the account is empty": both(fake.fails(429, ECHO, code="insufficient_quota"), fake.embeds()),
    "it breaks off": both(fake.after("India ", fake.error_in_stream), fake.embeds()),
    "it sends no reply": both(
        fake.body(200, "application/json", ECHO.encode()), fake.body(200, "text/plain", ECHO.encode())
    ),
    "it sends the key as a header": both(
        fake.body(302, "text/plain", b"", location=f"http://127.0.0.1:9/{KEY}"), fake.fails(500, ECHO, x_key=KEY)
    ),
}
COMMANDS = (
    ("--trust", "sync"), ("ask", QUESTION), ("config",), ("ask", QUESTION, "--json"), ("search", "magnets"),
    ("search", "magnets", "--json"), ("why", QUESTION, "--expect", "Sun Weidong", "--json"), ("config", "--json"),
    ("doctor",), ("ls", "--json"), ("models",), ("reindex",), ("backup", "copy.sqlite3"), ("frobnicate",), ("ask",),
)  # fmt: skip


@pytest.mark.parametrize("name", SERVERS)
def test_no_log_and_no_error_holds_a_key(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger of every library at its most talkative; nor does any file hold it afterwards."""
    caplog.set_level(logging.DEBUG)
    for transport in ("httpcore", "httpcore2"):  # its trace prints whatever bytes a server sends
        caplog.set_level(logging.INFO, transport)
    said = []
    with fake.model_server(SERVERS[name]) as server:
        settings = Settings(model="m", base_url=server.url, api_key=KEY, embedder="openai:e", first_token_s=3, total_s=6)
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            try:
                library.sync(ARTICLE.parent)
            except RagError:
                said.append(traceback.format_exc())
            said += [
                repr(library.ask(QUESTION)),
                repr(library.search_with_timings(QUESTION)),
                repr(library.explain(QUESTION, "Sun Weidong")),
            ]
        keys = {request["key"] for request in server.requests}
    assert {f"Bearer {KEY}"} == keys, "the key was never sent, so this shows nothing"
    assert KEY not in "".join(said)
    assert KEY not in caplog.text
    assert [] == holding(tmp_path)


@pytest.mark.process
def test_no_command_shows_a_key(tmp_path: Path, full: bool) -> None:
    """With all that can be turned on to find an error."""
    for name, reply in SERVERS.items() if full else [("it stumbles", SERVERS["it stumbles"])]:
        room = tmp_path / name.replace(" ", "-")
        (room / "seeds").mkdir(parents=True)
        shutil.copy(ARTICLE, room / "seeds")
        with fake.model_server(reply) as server:
            said = run(room, server.url, COMMANDS if full else COMMANDS[:3], embedder="openai:e")
            assert server.requests
        assert KEY not in said
        assert [] == holding(room)


def run(room: Path, url: str, commands: tuple[tuple[str, ...], ...], *, embedder: str) -> str:
    """What some commands print."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_"))}
    env |= {"OPENAI_API_KEY": KEY, "OPENAI_LOG": "debug", "RAG_DEBUG": "1", "RAG_DOCUMENTS": "seeds", "RAG_MODEL": "m",
            "RAG_BASE_URL": url, "RAG_EMBEDDER": embedder, "HOME": str(room), "PYTHONFAULTHANDLER": "1"}  # fmt: skip
    said = []
    for words in commands:
        command = [sys.executable, "-m", "rag.cli", *words]
        done = subprocess.run(command, cwd=room, env=env, capture_output=True, text=True, timeout=90, check=False)
        said.append(done.stdout + done.stderr)
    return "\n".join(said)


def holding(room: Path) -> list[str]:
    """The files that hold the key."""
    return [str(path.relative_to(room)) for path in room.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


@pytest.mark.process
def test_an_unexpected_error_shows_no_key(tmp_path: Path) -> None:
    """Not even where a part of the program fails that has the key at hand."""
    script = (
        "import rag.models.chat_model, rag.cli.app, sys\n"
        "def fails(self, *words):\n"
        "    key = self._api_key\n"
        "    raise RuntimeError('broken')\n"
        "rag.models.chat_model.OpenAIChatModel.stream = fails\n"
        f"sys.argv = ['rag', 'ask', {QUESTION!r}]\n"
        "rag.cli.app.run()\n"
    )
    (tmp_path / "seeds").mkdir()
    shutil.copy(ARTICLE, tmp_path / "seeds")
    env = {**os.environ, "OPENAI_API_KEY": KEY, "RAG_DEBUG": "1", "RAG_DOCUMENTS": "seeds"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False
    )

    assert 4 == done.returncode
    assert "RuntimeError: broken" in done.stderr
    assert KEY not in done.stdout + done.stderr

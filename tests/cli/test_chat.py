"""`rag chat`, run as a process: with piped input, and in a real terminal."""

from __future__ import annotations

import codecs
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag import Library

from .. import corpus
from .. import model_server as fake
from ..torture.world import leave_chroma_alone

pytestmark = pytest.mark.process


@pytest.fixture
def room(tmp_path: Path) -> Path:
    with Library.open(tmp_path / "index", short_lived=True) as library:
        leave_chroma_alone(library)
        library.add_documents(corpus.documents())
    return tmp_path


def environment(room: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_"))}
    return {**kept, "RAG_STATE": str(room / "state"), "TERM": "dumb", **more}


def test_piped(room: Path) -> None:
    """Each line gets an answer, including follow-ups, greetings and commands; the end of the input ends the chat."""
    lines = "Why was the footbridge over the Morava closed?\nWhen?\n\n/new\nhello\n/nonsense\n"
    done = subprocess.run([sys.executable, "-m", "rag.cli", "chat"], input=lines, cwd=room, env=environment(room),
                          capture_output=True, text=True, timeout=60, check=False)  # fmt: skip

    assert 0 == done.returncode
    assert "rusted through" in done.stdout
    assert "(understood as: When was the footbridge over the Morava closed?)" in done.stderr
    assert "Hello. Ask me anything" in done.stdout
    assert "new conversation" in done.stderr
    assert "/passages" in done.stderr
    assert "Traceback" not in done.stderr


class Terminal:
    """A program running in its own terminal."""

    def __init__(self, room: Path, *words: str, **more: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(room)
            os.execve(sys.executable, [sys.executable, "-m", "rag.cli", *words], environment(room, **more))
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")(
            "replace"
        )  # the bytes of one character may arrive in two reads

    def wait_for(self, words: str, timeout_s: float = 30) -> None:
        begun = time.monotonic()
        while words not in self.seen:
            readable, _, _ = select.select([self.fd], [], [], 0.2)
            if readable:
                try:
                    self.seen += self._decoder.decode(os.read(self.fd, 65536))
                except OSError:
                    break
            assert time.monotonic() - begun < timeout_s, self.seen
        at = self.seen.find(words)
        assert at >= 0, self.seen
        self.seen = self.seen[at + len(words) :]

    def type(self, words: str) -> None:
        os.write(self.fd, words.encode())

    def ended(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_ctrl_c_stops_the_answer_and_not_the_program(room: Path) -> None:
    """Ctrl-C closes the connection to the model within a second, and the next question is answered."""
    with fake.model_server(fake.drips, fake.says("It takes 11 hours [1].")) as server:
        terminal = Terminal(room, "--base-url", server.url, "--model", "m", "chat")
        terminal.wait_for("› ")
        terminal.type("How long does the night ferry take?\r")
        terminal.wait_for("word word word")
        at = time.monotonic()
        terminal.type("\x03")
        terminal.wait_for("stopped")
        assert server.closed.wait(5)
        assert server.closed_at - at < 1
        terminal.wait_for("› ")
        terminal.type("\x03")
        terminal.wait_for("Ctrl-D ends")
        terminal.wait_for("› ")
        terminal.type("And from Varnes?\r")
        terminal.wait_for("It takes 11 hours [·].")
        terminal.wait_for("› ")
        terminal.type("\x04")

        assert 0 == terminal.ended()
        asked = server.requests[-1]["body"]["messages"]
        assert "How long does the night ferry take?" == asked[1]["content"]


def test_a_signal_ends_it(room: Path) -> None:
    """SIGTERM ends the program, unlike Ctrl-C."""
    terminal = Terminal(room, "chat")
    terminal.wait_for("› ")
    os.kill(terminal.pid, signal.SIGTERM)

    assert terminal.ended() != 0

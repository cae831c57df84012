"""The application: global options, exit codes, and one clear line for every mistake."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .. import model_server as fake
from .command import QUESTION, environment, rag

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ask", ""], 1, "the question is empty"),
        (["ask", "x" * 100_000], 1, "100,000 characters"),
        (["add", "nowhere.txt"], 1, "cannot be read"),
        (["sync", "nowhere"], 1, "no folder"),
        (["show", "nowhere.txt"], 1, "no document"),
        (["rm", "nowhere.txt"], 1, "no document"),
        (["verify", "nowhere.json"], 1, "cannot read 'nowhere.json'"),
        (["eval", "nowhere.yaml"], 1, "cannot read"),
        (["ask", "x", "--since", "yesterday"], 1, "not a date"),
        (["ask", "x", "--meta", "author"], 1, "--meta needs the form FIELD=VALUE"),
        (["frobnicate"], 2, "No such command"),
        (["ask"], 2, "Missing argument"),
        (["ask", "x", "-k", "0"], 2, "-k"),
        (["ls", "--json", "--jsonl"], 2, "cannot be used together"),
        (["--index", "/dev/null/x", "ls"], 4, "cannot create the index folder"),
        (["ui", "--host", "0.0.0.0"], 1, "there is no account"),
    ],
)
def test_mistakes(room: Path, words: list[str], code: int, message: str) -> None:
    """A mistake causes one clear line and a hint on stderr, nothing on stdout, and the right exit code."""
    done = rag(room, *words)

    assert code == done.returncode
    assert message in done.stderr
    assert "" == done.stdout
    assert 2 >= len(done.stderr.strip().splitlines())


def test_an_internal_error_is_one_line(room: Path) -> None:
    """An internal error is reported with its type and what to do; RAG_DEBUG adds the traceback."""
    script = (
        "import sys, rag.cli.app, rag.models.local_servers\n"
        "def fails(): raise TypeError('secret')\n"
        "rag.models.local_servers.find_local_servers = fails\n"
        "sys.argv = ['rag', 'models']\n"
        "rag.cli.app.run()\n"
    )
    run = {"cwd": room, "capture_output": True, "text": True, "check": False}
    done = subprocess.run([sys.executable, "-c", script], env=environment(room), **run)
    debugged = subprocess.run([sys.executable, "-c", script], env=environment(room, RAG_DEBUG="1"), **run)

    assert (4, "") == (done.returncode, done.stdout)
    assert (
        "Internal error: TypeError. Please run the command again with RAG_DEBUG=1 and report the output.\n" == done.stderr
    )
    assert "Traceback" in debugged.stderr


def test_contracts_are_built_for_json_only(room: Path) -> None:
    """A command that prints text does not wait for the JSON contracts to be built."""
    script = (
        "import sys, rag.cli.app\n"
        "sys.argv = ['rag', 'ls']\n"
        "try:\n    rag.cli.app.run()\n"
        "except SystemExit as end:\n    print(end.code, [name for name in sys.modules if name.startswith('rag.schemas')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=room, env=environment(room), capture_output=True, text=True, check=True
    )

    assert "0 []\n" == done.stdout


def test_terminal_escapes_do_not_pass(room: Path) -> None:
    """A document cannot manipulate the terminal."""
    (room / "seeds" / "evil\x1b[2J.txt").write_text(
        "The password of the vault\x1b]0;owned\x07 is \x9b31mswordfish.", "utf-8"
    )
    for words in (["ask", "What is the password of the vault?"], ["search", "vault password"], ["ls"]):
        done = rag(room, *words)
        assert "swordfish" in done.stdout or words == ["ls"]
        assert not {"\x1b", "\x07", "\x9b"} & set(done.stdout + done.stderr)


def test_a_found_file_sends_nothing_unasked(room: Path) -> None:
    """A host named in a rag.toml must be accepted once before any text is sent there."""
    with fake.model_server(fake.says("India raised rare earths [1].")) as server:
        (room / "rag.toml").write_text(f'documents = "seeds"\nmodel = "m"\nbase_url = "{server.url}"\n', "utf-8")
        refused = rag(room, "ask", QUESTION)
        assert (1, []) == (refused.returncode, server.requests)
        assert "--trust" in refused.stderr

        assert "India raised rare earths" in rag(room, "--trust", "ask", QUESTION).stdout
        assert "India raised rare earths" in rag(room, "ask", QUESTION).stdout
        assert 2 == len(server.requests)


def test_ctrl_c_keeps_what_was_acknowledged(room: Path) -> None:
    """After Ctrl-C, the exit code is 130, and the next sync resumes where this one left off."""
    for n in range(400):
        (room / "seeds" / f"{n}.txt").write_text(f"Note {n}. " + f"It tells of thing {n} and of much else. " * 30, "utf-8")
    command = [sys.executable, "-m", "rag.cli", "sync"]
    child = subprocess.Popen(command, cwd=room, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not json.loads(rag(room, "ls", "--json").stdout):
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, messages = child.communicate(timeout=30)
    done = json.loads(rag(room, "ls", "--json").stdout)

    assert 130 == child.returncode
    assert "interrupted" in messages
    assert 0 < len(done)
    report = json.loads(rag(room, "sync", "--json").stdout)
    assert 401 == report["added"] + report["unchanged"]
    assert len(done) == report["unchanged"]


def test_quiet_leaves_errors_only(room: Path) -> None:
    """--quiet hides notes and progress, but not results, unreadable files or failed commands."""
    assert "no documents yet" in rag(room, "ask", "Who?", RAG_DOCUMENTS="").stderr
    assert "" == rag(room, "-q", "ask", "Who?", RAG_DOCUMENTS="").stderr
    (room / "seeds" / "empty.txt").touch()
    assert "✗ empty.txt: the file is empty" in rag(room, "--quiet", "sync").stderr
    assert "" == rag(room, "--quiet", "ask", QUESTION, "--json").stderr
    listed = rag(room, "--quiet", "ls")
    assert ("", 2) == (listed.stderr, len(listed.stdout.splitlines()))
    assert "no document" in rag(room, "--quiet", "show", "nowhere.txt").stderr


@pytest.mark.parametrize("color", [{}, {"NO_COLOR": "1"}])
def test_nothing_is_coloured(room: Path, color: dict[str, str]) -> None:
    """No escape sequence is printed, with or without NO_COLOR, but the words that answer are bold on a terminal."""
    for n in range(150):
        (room / "seeds" / f"{n}.txt").write_text(f"The ferry number {n} carries {n * 3} people to Hven. " * 20, "utf-8")
    for words in (["--help"], ["sync"], ["ask", QUESTION], ["ls"], ["doctor"], ["frobnicate"]):
        printed = on_terminal(room, *words, TERM="xterm-256color", **color)
        assert "\x1b" not in (printed if color else printed.replace("\x1b[1m", "").replace("\x1b[22m", ""))
        done = rag(room, *words, FORCE_COLOR="1", **color)
        assert not {"\x1b", "\r"} & set(done.stdout + done.stderr)


def test_progress_on_a_terminal(room: Path) -> None:
    """Progress is shown as a line that is rewritten in place and erased at the end."""
    for n in range(400):
        (room / "seeds" / f"{n}.txt").write_text(f"The ferry number {n} carries {n * 3} people to Hven. " * 30, "utf-8")
    printed = on_terminal(room, "sync", TERM="xterm")
    steps = printed.split("\r")

    assert any("passages embedded" in step and "/401 files" in step for step in steps)
    before_report = printed[: printed.index("401 added")].split("\r")
    assert ["", ""] == [step.strip() for step in before_report[-2:]]  # erased with spaces


def on_terminal(room: Path, *words: str, **more: str) -> str:
    """Returns what a command prints when it runs on its own terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(room)
        os.execve(sys.executable, [sys.executable, "-m", "rag.cli", *words], environment(room, **more))
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        pieces.append(piece)
    os.waitpid(pid, 0)
    os.close(terminal)
    return b"".join(pieces).decode("utf-8", "replace")

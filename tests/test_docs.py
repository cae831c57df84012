"""The command reference is that of the program, and its examples run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from rag import Library
from rag.cli.app import app
from rag.cli.reference import reference
from rag.evaluation.test_sets import read_set
from rag.records import Answer, Citation
from rag.schemas.published import OUTPUTS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")
COMMANDS = typer.main.get_command(app).commands
NOT_RUN = {
    "chat": "talks with a person; tests/cli/test_chat.py does",
    "watch": "runs until Ctrl-C; tests/cli/test_documents.py ends it",
    "judge": "needs a model; tests/cli/test_evaluation.py serves one",
    "ui": "serves until Ctrl-C; tests/server/page does",
    "account": "asks for a password on a terminal; tests/cli/test_serving.py pipes one",
}


def test_the_reference_is_that_of_the_program() -> None:
    """Run `python -m rag.cli.reference > docs/commands.md` after a change of commands, options, help texts or outputs."""
    assert reference() == PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """It has help, an example, a section of the reference, and help for each argument and option."""
    command = COMMANDS[name]

    assert command.help
    assert "Example: " in command.epilog
    assert f"## `rag {name}`\n" in PAGE
    assert [] == [one.name for one in command.params if not one.help]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_json_has_a_schema(name: str) -> None:
    """Of each command that takes --json or --jsonl."""
    options = {word for one in COMMANDS[name].params for word in one.opts} & {"--json", "--jsonl"}
    described = {word for output in OUTPUTS for line in output.commands for word in line.split() if f"rag {name} " in line}

    assert options == described & {"--json", "--jsonl"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with every file that the examples name; `rag` is in its bin."""
    whole = tmp_path_factory.mktemp("examples") / "room"
    whole.mkdir()
    shutil.copytree(ROOT / "seeds", whole / "seeds")
    (whole / "rag.toml").write_text('documents = "seeds"\n', "utf-8")
    (whole / "bin").mkdir()
    (whole / "bin" / "rag").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rag.cli "$@"\n', "utf-8")
    (whole / "bin" / "rag").chmod(0o755)
    for name, text in {"notes/a.md": "# Notes\n\nA note.", "papers/b.txt": "A paper.", "seeds/empty.txt": ""}.items():
        (whole / name).parent.mkdir(exist_ok=True)
        (whole / name).write_text(text, "utf-8")
    shutil.copy(ROOT / "tests" / "data" / "formats" / "outline.pdf", whole / "report.pdf")
    rows = (ROOT / "tests" / "sets" / "seed.yaml").read_text("utf-8").split("\n- id: ")[1:]
    chosen = [row for n, row in enumerate(rows) if n < 10 or "answerable: false" in row]
    (whole / "questions.yaml").write_text("".join(f"- id: {row}\n" for row in chosen), "utf-8")
    with Library.open(whole / "index", short_lived=True) as library:
        library.sync(whole / "seeds")
        library.add_bytes(b"An old note.", "old-notes.md")
        library.evaluations.save_run(library.evaluate(read_set(whole / "questions.yaml")))
        library.back_up(whole / "papers.sqlite3")
    shutil.copytree(whole, whole.parent / "pristine")
    return whole


@pytest.fixture
def room(made: Path) -> Path:
    """The same folder, as it was made: an index knows its documents by their paths."""
    shutil.rmtree(made)
    shutil.copytree(made.parent / "pristine", made)
    return made


@pytest.mark.process
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - NOT_RUN.keys()))
def test_the_example_runs(name: str, room: Path) -> None:
    """As a shell would run it, without a complaint."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAG_", "OPENAI_"))}
    path = f"{room / 'bin'}{os.pathsep}{kept['PATH']}"
    environment = {**kept, "PATH": path, "HOME": str(room), "RAG_STATE": str(room / "state")}
    if name == "backup":
        (room / "papers.sqlite3").unlink()
    done = subprocess.run(
        ["sh", "-ec", COMMANDS[name].epilog.removeprefix("Example: ")],
        cwd=room,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    assert done.stdout


def test_the_python_interface() -> None:
    """The fields that programs rely on."""
    assert {"text", "status", "citations", "flags", "hits", "timings_ms"} <= {f.name for f in fields(Answer)}
    assert {"n", "source", "title", "locator", "page", "start", "end", "quote", "verdict"} <= {
        f.name for f in fields(Citation)
    }

"""The documents keep up with the program."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import typer

from rag.cli.app import app
from rag.records import Answer, Citation

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """It has help, an example, and a line in the README."""
    command = COMMANDS[name]

    assert command.help
    assert "Example: " in command.epilog
    assert f"`rag {name}" in README


def test_the_file_map_is_whole() -> None:
    """Every module of rag/ is in the README's reading order, but those it needs no line for."""
    folder = Path(__file__).parent.parent / "rag"
    modules = {
        p.name if p.is_dir() else p.stem for p in folder.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    unlisted = {m for m in modules if f"rag/{m}.py" not in README and f"rag/{m}/" not in README}

    assert {"__init__"} == unlisted


def test_the_python_interface() -> None:
    """The fields that programs rely on."""
    assert {"text", "status", "citations", "flags", "hits", "timings_ms"} <= {f.name for f in fields(Answer)}
    assert {"n", "source", "title", "locator", "page", "start", "end", "quote", "verdict"} <= {
        f.name for f in fields(Citation)
    }

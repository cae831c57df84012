"""Runs `rag` as a process in a working folder, and validates what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).parent.parent.parent / "docs" / "schemas"
FORMATS = Path(__file__).parent.parent / "data" / "formats"
QUESTION = "What did India raise with Sun Weidong?"


def environment(room: Path, **more: str) -> dict[str, str]:
    """The environment of a command: no settings of the developer's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAG_", "OPENAI_"))}
    return {**kept, "RAG_STATE": str(room / "state"), "PYTHONWARNINGS": "ignore", **more}


def rag(room: Path, *words: str, stdin: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command; no traceback may reach the user."""
    done = subprocess.run(
        [sys.executable, "-m", "rag.cli", *words],
        cwd=room,
        env=environment(room, **more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def schema(name: str) -> dict[str, Any]:
    """A published schema."""
    return json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))


def valid(value: Any, name: str) -> Any:
    """A value, after it was validated; no field that the schema does not name is let through."""
    found = schema(name)
    closed = json.loads(json.dumps(found), object_hook=_closed)
    jsonschema.validate(value, closed)
    return value


def _closed(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "additionalProperties": False} if isinstance(part.get("properties"), dict) else part


def checked(done: subprocess.CompletedProcess[str], name: str) -> Any:
    """The JSON that a command printed."""
    return valid(json.loads(done.stdout), name)


def checked_lines(text: str, name: str) -> list[Any]:
    """JSON lines that a command printed."""
    return [valid(json.loads(line), name) for line in text.splitlines()]

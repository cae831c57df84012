"""Runs `rag` as a process in a working folder, and validates its output."""

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
    """Returns the environment for a command, without the developer's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAG_", "OPENAI_"))}
    return {**kept, "RAG_STATE": str(room / "state"), "PYTHONWARNINGS": "ignore", **more}


def rag(room: Path, *words: str, stdin: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command and checks that it prints no traceback."""
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
    """Returns a published schema."""
    return json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))


def valid(value: Any, name: str) -> Any:
    """Returns a value after validating it; fields that the schema does not name are not allowed."""
    found = schema(name)
    closed = json.loads(json.dumps(found), object_hook=_closed)
    jsonschema.validate(value, closed)
    return value


def _closed(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "additionalProperties": False} if isinstance(part.get("properties"), dict) else part


def checked(done: subprocess.CompletedProcess[str], name: str) -> Any:
    """Returns the JSON that a command printed, validated."""
    return valid(json.loads(done.stdout), name)


def checked_lines(text: str, name: str) -> list[Any]:
    """Returns the JSON lines that a command printed, validated."""
    return [valid(json.loads(line), name) for line in text.splitlines()]

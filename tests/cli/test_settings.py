"""`rag config` and `rag models`, run as processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.cli import rendering

from .command import checked, rag

pytestmark = pytest.mark.process


def test_settings_and_where_they_come_from(room: Path) -> None:
    """Flags take precedence over the environment, and the environment over rag.toml; keys are masked."""
    done = rag(room, "--model", "none", "config", "--json", RAG_K="5", OPENAI_API_KEY="sk-canary0123456789")
    value = checked(done, "config")

    assert {"value": 5, "from": "RAG_K"} == value["k"]
    assert {"value": "seeds", "from": "rag.toml"} == value["documents"]
    assert {"value": "none", "from": "--model"} == value["model"]
    assert "canary" not in done.stdout


def test_where_text_goes(room: Path) -> None:
    """The line below the table names the hosts that receive text, or states that none does."""
    sent = rag(room, "--model", "m", "--base-url", "http://127.0.0.1:9/v1", "config").stdout

    assert rag(room, "config").stdout.endswith("\n\nnothing leaves this machine\n")
    assert sent.endswith("\n\nsends questions and passages to http://127.0.0.1:9/v1\n")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('documnets = "seeds"', "did you mean 'documents'"),
        ("k = 0", "at least 1"),
        ('k = "many"', "must be a whole number"),
        ("not toml", "cannot read rag.toml: "),
        ('api_key = "sk-x"', "keep it in an environment variable"),
        ('base_url = "file:///etc/passwd"', "http"),
    ],
)
def test_bad_settings(room: Path, toml: str, message: str) -> None:
    """A bad setting is named, with a hint about how to correct it."""
    (room / "rag.toml").write_text(toml, "utf-8")
    done = rag(room, "ask", "x")

    assert 1 == done.returncode
    assert message in done.stderr


def test_models(room: Path) -> None:
    """The output is an array, even if no server is running."""
    assert isinstance(checked(rag(room, "models", "--json"), "models"), list)


def test_settings_table() -> None:
    """Control characters in a value do not reach the terminal."""
    assert ["model            a\ufffdb                              --model"] == list(
        rendering.settings({"model": "a\x1bb"}, {"model": "--model"})
    )

"""The process that parses test sets: its limits, and what `rag eval` makes of a set that breaks it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag.child_process import SupervisedChild
from rag.errors import SetError
from rag.evaluation import test_sets

from .test_test_set_formats import BOMB

pytestmark = pytest.mark.process


def test_questions_are_sent_back() -> None:
    child = SupervisedChild.start("rag.evaluation.test_set_child")
    data = b'{"question": "Who?", "answers": ["Ada"]}'
    reply = child.request({"kind": "set", "path": "a.jsonl", "sizes": [len(data)], "limit_s": 9}, data, limit_s=30)
    child.end()

    assert ("Who?", ["Ada"]) == (reply.message["questions"][0]["question"], reply.message["questions"][0]["answers"])


def test_time_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_sets, "_LIMIT_S", 0.1)
    monkeypatch.setattr(test_sets, "_BYTES_PER_S", 1e12)
    (tmp_path / "a.yaml").write_text('- {question: "Who?", answers: [Ada]}\n' * 40_000)
    with pytest.raises(SetError, match="too much time or memory"):
        test_sets.read_set(tmp_path / "a.yaml")


def test_a_bomb_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(BOMB)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "rag.cli", "--index", str(tmp_path / "index"), "eval", str(tmp_path / "bomb.yaml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert 1 == done.returncode
    assert "aliases" in done.stderr
    assert len(done.stderr.strip().split("\n")) <= 2
    assert time.monotonic() - begun < 20

"""A run whose every text tries to be markup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag import Document, Library
from rag.evaluation.comparison import GateResult, check_gate, parse_gate
from rag.evaluation.records import RunJSON
from rag.evaluation.test_sets import read_set

from ..conftest import write

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \u202ereversed | `x` [a](javascript:b)"


@pytest.fixture
def hostile_run(library: Library, tmp_path: Path) -> RunJSON:
    """A run with markup in the question, the gold, the document, its source and a defect."""
    library.add_documents([Document(f"The parrot says {HOSTILE} to all.", HOSTILE, source="evil<b>.txt")])
    row = {
        "id": "<b>",
        "question": f"What does the parrot say, {HOSTILE}?",
        "answers": [HOSTILE],
        "type": "<i>",
        "evidence": [{"source": "evil<b>.txt", "quote": f"says {HOSTILE}"}, {"source": "no<b>", "quote": "x"}],
    }
    return library.evaluate(read_set(write(tmp_path, json.dumps(row), "evil.jsonl")))


@pytest.fixture
def gates(hostile_run: RunJSON) -> list[GateResult]:
    """One gate of that run."""
    return [check_gate(parse_gate("right>=0.5"), hostile_run)]

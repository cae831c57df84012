"""The JSON Schemas in docs/schemas are those of the types, and of the outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from rag import contracts, contracts_evaluate, measured

SCHEMAS = Path(__file__).parent.parent / "docs" / "schemas"
TYPES = {
    "ask": contracts.AskJSON, "why": contracts.WhyJSON, "search": contracts.SearchJSON, "sync": contracts.SyncJSON,
    "ls": list[contracts.DocumentJSON], "doctor": contracts.DoctorJSON, "reindex": contracts.ReindexJSON,
    "verify": contracts.VerifyJSON, "eval": contracts_evaluate.EvalJSON, "compare": contracts_evaluate.CompareJSON,
    "runs": list[contracts_evaluate.RunInfoJSON], "calibrate": contracts_evaluate.CalibrateJSON,
    "judge": contracts_evaluate.JudgeJSON, "run": measured.RunJSON,
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_schema(name: str) -> None:
    """A changed field shows here: add it to the schema on purpose (python tests/test_contracts.py writes them)."""
    assert json.loads((SCHEMAS / f"{name}.json").read_text("utf-8")) == TypeAdapter(TYPES[name]).json_schema()


if __name__ == "__main__":
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    for name, kind in TYPES.items():
        (SCHEMAS / f"{name}.json").write_text(json.dumps(TypeAdapter(kind).json_schema(), indent=2) + "\n", "utf-8")

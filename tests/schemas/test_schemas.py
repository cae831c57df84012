"""The JSON Schemas in docs/schemas are those of the types, and of the outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from rag.evaluation import records
from rag.schemas import answers, evaluation

SCHEMAS = Path(__file__).parent.parent.parent / "docs" / "schemas"
TYPES = {
    "ask": answers.AskJSON, "why": answers.WhyJSON, "search": answers.SearchJSON, "sync": answers.SyncJSON,
    "ls": list[answers.DocumentJSON], "doctor": answers.DoctorJSON, "reindex": answers.ReindexJSON,
    "verify": answers.VerifyJSON, "eval": evaluation.EvalJSON, "compare": evaluation.CompareJSON,
    "runs": list[evaluation.RunInfoJSON], "calibrate": evaluation.CalibrateJSON,
    "judge": evaluation.JudgeJSON, "run": records.RunJSON,
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_schema(name: str) -> None:
    """A changed field shows here: add it to the schema on purpose (python tests/schemas/test_schemas.py writes them)."""
    assert json.loads((SCHEMAS / f"{name}.json").read_text("utf-8")) == TypeAdapter(TYPES[name]).json_schema()


if __name__ == "__main__":
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    for name, kind in TYPES.items():
        (SCHEMAS / f"{name}.json").write_text(json.dumps(TypeAdapter(kind).json_schema(), indent=2) + "\n", "utf-8")

"""The JSON Schemas in docs/schemas are those of the contracts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.schemas.published import OUTPUTS, files

SCHEMAS = Path(__file__).parent.parent.parent / "docs" / "schemas"


@pytest.mark.parametrize(("name", "text"), list(files()))
def test_schema(name: str, text: str) -> None:
    """A changed field shows here: publish it on purpose with `python -m rag.schemas.published docs/schemas`."""
    assert json.loads((SCHEMAS / name).read_text("utf-8")) == json.loads(text)


def test_no_other_files() -> None:
    """Each file belongs to an output, and each output has a file of its own."""
    assert sorted(path.name for path in SCHEMAS.iterdir()) == sorted(f"{output.schema}.json" for output in OUTPUTS)


def test_descriptions() -> None:
    """A schema says which command prints it; docstrings of records, which describe the Python side, are left out."""
    schemas = {output.schema: output.json_schema() for output in OUTPUTS}

    assert "`rag ls --jsonl`: one object a line" == schemas["ls-line"]["description"]
    assert "description" not in json.dumps(schemas["run"]["$defs"])

"""The JSON Schemas in docs/schemas match the contracts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.schemas.published import OUTPUTS, files

SCHEMAS = Path(__file__).parent.parent.parent / "docs" / "schemas"


@pytest.mark.parametrize(("name", "text"), list(files()))
def test_schema(name: str, text: str) -> None:
    """This test fails if a field changes; if that is intended, run `python -m rag.schemas.published docs/schemas`."""
    assert json.loads((SCHEMAS / name).read_text("utf-8")) == json.loads(text)


def test_no_other_files() -> None:
    """Each file belongs to an output, and each output has its own file."""
    assert sorted(path.name for path in SCHEMAS.iterdir()) == sorted(f"{output.schema}.json" for output in OUTPUTS)


def test_descriptions() -> None:
    """A schema names the command that prints it, and omits the docstrings of records, which describe the Python side."""
    schemas = {output.schema: output.json_schema() for output in OUTPUTS}

    assert "`rag ls --jsonl`: one object per line" == schemas["ls-line"]["description"]
    assert "description" not in json.dumps(schemas["run"]["$defs"])

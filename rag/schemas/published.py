"""Lists the published JSON Schemas: one file in docs/schemas for each kind of JSON that the command line prints.

`python -m rag.schemas.published docs/schemas` writes the files; a test checks that they are up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.evaluation.records import RowJSON, RunJSON
from rag.models.local_servers import LocalServer
from rag.schemas import answers, documents, evaluation, index
from rag.schemas.contract import adapter

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Output:
    """One kind of JSON that the command line prints.

    Attributes:
        schema: Name of the schema file in docs/schemas, without ".json".
        contract: The type from which the schema is generated.
        commands: The command lines that print this JSON, including options.
        note: Additional information for readers; may be empty.
        is_array: Whether the output is an array whose items have the type `contract`.
    """

    schema: str
    contract: Any
    commands: tuple[str, ...]
    note: str = ""
    is_array: bool = False

    def json_schema(self) -> dict[str, Any]:
        """Returns the JSON Schema. Leaves out the records' docstrings, which are written for Python programmers."""
        contract = list.__class_getitem__(self.contract) if self.is_array else self.contract
        made = _without_descriptions(adapter(contract).json_schema(mode="serialization"))
        about = ", ".join(f"`{command}`" for command in self.commands) + (f": {self.note}" if self.note else "")
        return {"$schema": _DIALECT, "description": about, **made}


_LINES = "one object per line"
_PROGRESS = "on standard error, one object per line"
OUTPUTS = (
    Output("ask", answers.AskJSON, ("rag ask --json",)),
    Output("search", answers.SearchJSON, ("rag search --json",)),
    Output("search-line", answers.HitJSON, ("rag search --jsonl",), _LINES),
    Output("why", answers.WhyJSON, ("rag why --json",)),
    Output("sync", documents.SyncJSON, ("rag add --json", "rag sync --json", "rag refresh --json")),
    Output("watch-line", documents.SyncJSON, ("rag watch --json",), _LINES),
    Output(
        "import-progress",
        documents.ImportProgressJSON,
        ("rag add --json", "rag sync --json", "rag watch --json", "rag refresh --json"),
        _PROGRESS,
    ),
    Output("ls", documents.DocumentJSON, ("rag ls --json",), is_array=True),
    Output("ls-line", documents.DocumentJSON, ("rag ls --jsonl",), _LINES),
    Output("show", documents.ShowJSON, ("rag show --json",)),
    Output("rm", documents.RemoveJSON, ("rag rm --json",)),
    Output("verify", answers.VerifyJSON, ("rag verify --json",)),
    Output("doctor", index.DoctorJSON, ("rag doctor --json",)),
    Output("reindex", index.ReindexJSON, ("rag reindex --json",)),
    Output("backup", index.BackupJSON, ("rag backup --json",)),
    Output("restore", index.RestoreJSON, ("rag restore --json",)),
    Output("compact", index.CompactJSON, ("rag compact --json",)),
    Output("eval", evaluation.EvalJSON, ("rag eval --json", "rag runs NUMBER --json")),
    Output("eval-line", RowJSON, ("rag eval --jsonl",), _LINES),
    Output("compare", evaluation.CompareJSON, ("rag eval --compare A B --json",)),
    Output("run", RunJSON, ("rag eval --out FILE", "rag runs NUMBER --out FILE")),
    Output("runs", evaluation.RunInfoJSON, ("rag runs --json",), is_array=True),
    Output("runs-drop", evaluation.DropJSON, ("rag runs NUMBER --drop --json",)),
    Output("calibrate", evaluation.CalibrateJSON, ("rag calibrate --json",)),
    Output("calibrate-forget", evaluation.ResetJSON, ("rag calibrate --forget --json",)),
    Output("judge", evaluation.JudgeJSON, ("rag judge --json",)),
    Output(
        "eval-progress",
        evaluation.EvalProgressJSON,
        ("rag eval --json", "rag calibrate --json", "rag judge --json"),
        _PROGRESS,
    ),
    Output("config", index.ConfigJSON, ("rag config --json",)),
    Output("models", LocalServer, ("rag models --json",), is_array=True),
)


def files() -> Iterator[tuple[str, str]]:
    """Yields the name and the contents of each file in docs/schemas."""
    for output in OUTPUTS:
        yield f"{output.schema}.json", json.dumps(output.json_schema(), ensure_ascii=False, indent=2) + "\n"


def _without_descriptions(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: _without_descriptions(value)
            for name, value in schema.items()
            if not (name == "description" and isinstance(value, str))
        }
    return [_without_descriptions(item) for item in schema] if isinstance(schema, list) else schema


if __name__ == "__main__":
    for file, text in files():
        (Path(sys.argv[1]) / file).write_text(text, encoding="utf-8")

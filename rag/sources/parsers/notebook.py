"""Parses Jupyter notebooks. Keeps the text, turns code and output into code blocks, and gives each cell an anchor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.pages import join_parts
from rag.sources.decoding.text import decode, name_as_title

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MAX_OUTPUT = 20_000  # maximum number of code points kept from one cell's output


def parse(data: bytes, name: str) -> Document:
    """Parses a notebook.

    Raises:
        ReadError: The file is not a notebook.
    """
    try:
        book = json.loads(decode(data))
        cells = book.get("cells") or [cell for sheet in book.get("worksheets", ()) for cell in sheet["cells"]]
        language = str(book.get("metadata", {}).get("kernelspec", {}).get("language", "python"))
        parts = [_cell(cell, language) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReadError("it is not a valid Jupyter notebook", "open it in Jupyter and save it again") from error
    numbered = [(f"cell {n}", None, part) for n, part in enumerate(parts, start=1) if part.strip()]
    text, anchors = join_parts(numbered)
    heading = next((line.lstrip("# ") for line in text.split("\n") if line.startswith("#")), "")
    return Document(text, heading or name_as_title(name), anchors=anchors, media_type="application/x-ipynb+json")


def _cell(cell: dict[str, Any], language: str) -> str:
    source = _as_string(cell.get("source", cell.get("input", "")))
    if cell["cell_type"] != "code":
        return source
    printed = "\n".join(_outputs(cell.get("outputs", ())))[:_MAX_OUTPUT].strip("\n")
    return "\n\n".join(
        part
        for part in (f"```{language}\n{source}\n```" if source else "", f"```\n{printed}\n```" if printed else "")
        if part
    )


def _outputs(outputs: Any) -> Iterator[str]:
    for output in outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain") or output.get("evalue", "")
        yield _COLOURS.sub("", _as_string(text))


def _as_string(lines: Any) -> str:
    return "".join(map(str, lines)) if isinstance(lines, list) else str(lines)

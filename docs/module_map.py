"""Writes the map of modules into docs/internals.md, from the first sentence of each module.

Run: uv run --group dev python docs/module_map.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "internals.md"
BEGIN, END = "<!-- module map: written by docs/module_map.py -->", "<!-- end of module map -->"


def module_map() -> str:
    """Returns the map: one heading per package and one line per module."""
    lines = []
    for folder in [ROOT / "rag", *sorted(path.parent for path in (ROOT / "rag").rglob("__init__.py"))[1:]]:
        if folder.name == "weights":
            continue
        name = folder.relative_to(ROOT).as_posix()
        lines += [f"### `{name}/`", "", _first_sentence(folder / "__init__.py"), "", "| module | what it is |", "|---|---|"]
        for path in sorted(folder.glob("*.py")):
            if path.name not in ("__init__.py", "__main__.py"):
                lines.append(f"| `{path.name}` | {_first_sentence(path)} |")
        if lines[-1] == "|---|---|":
            del lines[-3:]
        lines.append("")
    return "\n".join(lines)


def page_with_map(page: str) -> str:
    """Returns the page with the map in its place."""
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n\n{module_map()}\n{END}", page, flags=re.DOTALL)


def _first_sentence(path: Path) -> str:
    """Returns the first paragraph of a module's docstring, on one line."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page_with_map(PAGE.read_text("utf-8")), "utf-8")

"""The map of the code in docs/internals.md is that of the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "internals.md").read_text("utf-8")


def test_the_map_has_every_module() -> None:
    """Run `uv run --group dev python docs/module_map.py` after a module was added, renamed or described differently."""
    spec = importlib.util.spec_from_file_location("module_map", ROOT / "docs" / "module_map.py")
    assert spec is not None
    assert spec.loader is not None
    module_map = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module_map)

    assert PAGE == module_map.page_with_map(PAGE)


def test_the_places_that_are_named_exist() -> None:
    """The two ways and the ten questions name files that are there."""
    prose = PAGE.partition("## Every module")[0]
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", prose)) - {"tests/test_layers.py"}
    files = {path.relative_to(ROOT / "rag").as_posix() for path in (ROOT / "rag").rglob("*.py")}

    assert set() == {name for name in named if not any(file == name or file.endswith(f"/{name}") for file in files)}

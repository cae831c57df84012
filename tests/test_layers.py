"""The house: who may import whom, and where each vendor lives."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "rag"
FLOORS = {
    0: {"errors", "records", "stored", "measured"},
    1: {"ports", "settings", "prompts", "quotes", "fuse", "metrics", "terms", "sentences", "scan",
        "characters", "claims", "check", "thoughts", "addresses", "kinds", "followup", "ahead", "frames", "trace",
        "stats", "scoring", "compare", "calibrate", "plots"},
    2: {"read", "split", "embed", "endpoint", "catalog", "vectors", "llm", "files", "fetch", "watch", "locks",
        "local_models", "languages", "ingest", "batches", "reindex", "search", "dense", "align", "extract", "overview",
        "answer", "evaluate", "judge", "testset", "why", "account"},
    3: {"library"},
    4: {"cli", "cli_evaluate", "command", "chat", "llama", "page", "serve", "contracts", "contracts_evaluate", "report",
        "startup", "terminal", "terminal_evaluate", "walls"},
}  # fmt: skip
ADAPTERS = {
    "read",
    "split",
    "embed",
    "endpoint",
    "catalog",
    "vectors",
    "llm",
    "files",
    "fetch",
    "watch",
    "locks",
    "local_models",
    "languages",
    "testset",
}
HOMES = {
    "chromadb": {"vectors"}, "apsw": {"catalog"}, "sqlite3": set(), "onnxruntime": {"embed"}, "tokenizers": {"embed"},
    "llama_index": {"llama"}, "openai": {"llm", "endpoint"}, "gradio": {"page"},
    "typer": {"cli", "cli_evaluate", "command"},
    "fastapi": {"serve", "page"}, "uvicorn": {"serve"}, "starlette": {"walls"}, "pypdfium2": {"read"},
    "trafilatura": {"read"},
    "rapidocr": {"read"}, "charset_normalizer": {"read"}, "http": {"fetch"},
    "watchfiles": {"watch"}, "pathspec": {"files"}, "lxml": {"read"}, "olefile": {"read"}, "python_calamine": {"read"},
    "striprtf": {"read"}, "oxmsg": {"read"}, "filelock": {"locks"}, "Stemmer": {"terms"}, "yaml": {"testset"},
    "py3langid": {"languages"}, "babel": {"languages"}, "PIL": {"read"},
}  # fmt: skip
FLOOR_OF = {module: floor for floor, modules in FLOORS.items() for module in modules}


def sources() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in ("__init__", "weights"):
            yield parts[0], path


def imported(path: Path, *, running: bool) -> set[str]:
    """Dotted names a file imports; with `running`, without those for type checking only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and running:
            skipped |= {id(inner) for inner in ast.walk(node)}
    names = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "rag" else {node.module}
    return names


@pytest.mark.parametrize(("module", "path"), list(sources()), ids=lambda value: getattr(value, "stem", value))
def test_imports_go_downwards(module: str, path: Path) -> None:
    """No module imports from a floor above its own, and adapters do not know each other."""
    own = {name.split(".")[1] for name in imported(path, running=True) if name.startswith("rag.")} - {module, "__version__"}

    assert [name for name in own if FLOOR_OF[name] > FLOOR_OF[module]] == []
    if module in ADAPTERS:
        assert set() == own & (ADAPTERS - {module})


@pytest.mark.parametrize(
    "module",
    sorted(
        {"ingest", "batches", "reindex", "search", "dense", "extract", "overview", "answer", "evaluate", "judge", "why"}
    ),
)
def test_use_cases_know_no_adapter(module: str) -> None:
    """Use cases receive adapters; at run time they import none."""
    own = {name.split(".")[1] for name in imported(ROOT / f"{module}.py", running=True) if name.startswith("rag.")}

    assert set() == own & ADAPTERS


@pytest.mark.parametrize(("module", "path"), list(sources()), ids=lambda value: getattr(value, "stem", value))
def test_vendors_stay_home(module: str, path: Path) -> None:
    """Each vendor is imported in its home only."""
    vendors = {name.split(".")[0] for name in imported(path, running=False)}

    assert {v: module for v in vendors & HOMES.keys() if module not in HOMES[v]} == {}


def test_every_module_has_a_floor() -> None:
    """A new module is given its place on purpose."""
    assert set() == {module for module, _ in sources()} ^ set(FLOOR_OF)


def test_a_command_waits_for_nothing_it_does_not_need() -> None:
    """What every command imports is little: `rag --help` and `rag ls` load no numbers, no search, no vendor of either."""
    heavy = ("numpy", "rag.search", "rag.answer", "openai", "gradio")
    script = f"import sys, rag.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout

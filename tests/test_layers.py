"""The rooms: which package may import which, and where each vendor lives."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "rag"
# A module imports from its own package and from lower ranks; packages of one rank do not know each other.
RANKS = (
    ("errors",),
    ("records", "settings", "ports", "child_process"),
    ("text", "configuration", "index.records", "index.prefetch", "index.exact_scan"),
    ("sources.records", "sources.decoding"),
    ("sources.parsers",),
    ("sources", "models", "index.catalog", "index.chroma", "index.locks"),
    ("index",),
    ("index.importing",),
    ("index.maintenance",),
    ("retrieval",),
    ("answering.verification",),
    ("answering",),
    ("evaluation",),
    ("library",),
    ("async_library",),
    ("schemas",),
    ("integrations", "server.accounts"),
    ("server.page.views",),
    ("server.page",),
    ("server",),
    ("cli",),
)  # fmt: skip
RANK_OF = {package: rank for rank, packages in enumerate(RANKS) for package in packages}
HOMES = {
    "chromadb": "index.chroma", "apsw": "index.catalog.database", "sqlite3": "nowhere", "filelock": "index.locks",
    "onnxruntime": "models", "tokenizers": "models", "openai": "models", "llama_index": "integrations",
    "gradio": "server.page", "fastapi": "server", "uvicorn": "server", "starlette": "server", "typer": "cli",
    "watchfiles": "sources", "pathspec": "sources", "http": "sources", "pypdfium2": "sources.parsers",
    "trafilatura": "sources.parsers", "python_calamine": "sources.parsers", "striprtf": "sources.parsers",
    "oxmsg": "sources.parsers", "PIL": "sources.parsers", "rapidocr": "sources.decoding", "lxml": "sources",
    "olefile": "sources.decoding", "chardet": "sources.decoding", "Stemmer": "text", "py3langid": "text",
    "babel": "text", "yaml": "evaluation",
}  # fmt: skip
_TOP = {"rag", "rag.__version__"}
_UPWARDS = {"records": {"rag.integrations.notebook"}}  # within Answer._repr_html_, which only notebooks call


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "weights" not in parts and parts != ("__init__",):
            yield ".".join(parts).removesuffix(".__init__"), path


def package_of(module: str) -> str:
    """The longest name in the table that a module lies under."""
    parts = module.split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next(name for name in names if name in RANK_OF)


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
            is_package = (ROOT.parent / Path(*node.module.split("."))).is_dir()
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if is_package else {node.module}
    return names


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_go_downwards(module: str, path: Path) -> None:
    """No module imports from a package of its own rank or above."""
    own = package_of(module)
    names = imported(path, running=True) - _TOP - _UPWARDS.get(module, set())
    used = {package_of(name.removeprefix("rag.")) for name in names if name.startswith("rag.")}

    assert {name for name in used - {own} if RANK_OF[name] >= RANK_OF[own]} == set()


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_vendors_stay_home(module: str, path: Path) -> None:
    """Each vendor is imported in its home only."""
    vendors = {name.split(".")[0] for name in imported(path, running=False)} & HOMES.keys()

    assert {v for v in vendors if not f"{module}.".startswith(f"{HOMES[v]}.")} == set()


def test_every_package_fits_in_one_glance() -> None:
    """A package has fifteen modules at most, the root about ten names."""
    sizes = {
        folder.relative_to(ROOT.parent).as_posix(): sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        for folder in {path.parent for _, path in modules()}
    }

    assert {name: size for name, size in sizes.items() if size > 15} == {}
    assert sizes["rag"] <= 10


def test_a_command_waits_for_nothing_it_does_not_need() -> None:
    """What every command imports is little: `rag --help` and `rag ls` load no numbers, no search, no vendor of either."""
    heavy = ("numpy", "rag.retrieval.search", "rag.answering.answerer", "openai", "gradio")
    script = f"import sys, rag.cli.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout

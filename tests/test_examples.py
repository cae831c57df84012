"""Every example that people read is what really happens: the README's demo, code in the docs, examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SNIPPETS = [
    pytest.param(snippet, id=f"{page}-{n}")
    for page in ("README.md", "docs/using.md")
    for n, snippet in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL), start=1)
]
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in (ROOT / "rag").rglob("*.py")
    if ">>> " in path.read_text("utf-8")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder as a fresh clone has it: the sample article, and the rag.toml that names it."""
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    shutil.copy(ROOT / "rag.toml", tmp_path)
    return tmp_path


@pytest.mark.process
def test_the_demo_is_the_output(folder: Path) -> None:
    """The README shows what the first command prints, to the word; only its lines are broken for reading."""
    command = re.search(r"uv run rag (ask \"[^\"]+\")", README)
    demo = README.split("```")[3]
    assert command is not None
    words = [sys.executable, "-m", "rag.cli", *re.findall(r'"[^"]+"|\S+', command[1])]
    done = subprocess.run(
        [word.strip('"') for word in words], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip

    assert demo.split() == done.stdout.split()


@pytest.mark.process
@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippets_run(snippet: str, folder: Path) -> None:
    """Imports included."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", snippet], cwd=folder, env=environment, capture_output=True, text=True)

    assert (0, "") == (done.returncode, done.stderr if done.returncode else "")


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    """Each prints what it says."""
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)

    assert result.attempted > 0
    assert 0 == result.failed

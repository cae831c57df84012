"""The guards of tests/torture/guards.py name lines and tests that exist; whether each test needs its line, a run shows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .torture.guards import GUARDS, Guard
from .torture.worker import POINTS

ROOT = Path(__file__).parent.parent


def selected_by(test: str) -> list[str]:
    """Returns the names of the tests that a guard's `FILE [-k WORD]` selects; a word may be in a test's parameters."""
    file, *words = test.split(" ", 2)
    found = []
    for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            described = " ".join([node.name, *map(ast.unparse, node.decorator_list)]).lower()
            if not words or words[1].lower() in described:
                found.append(node.name)
    return found


@pytest.mark.parametrize("guard", GUARDS.values(), ids=list(GUARDS))
def test_a_guard_names_one_line_and_a_test(guard: Guard) -> None:
    """The line occurs exactly once in its file, its replacement differs, and at least one test is selected."""
    assert 1 == (ROOT / guard.file).read_text("utf-8").count(guard.line)
    assert guard.line != guard.without
    assert [] != selected_by(guard.test)


def test_points_of_the_kill_test_are_methods() -> None:
    """Each named point at which the worker of the kill test may die is a method of its class."""
    assert {} == {point: method for point, (owner, method) in POINTS.items() if not callable(getattr(owner, method, None))}

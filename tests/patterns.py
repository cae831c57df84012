"""Finds every regular expression in the code, and generates texts that make a careless one slow.

The texts come from the pattern itself: pieces that its parts match are repeated, alone and in groups of two and three,
after a text that leads the matcher to the part, and before a text that makes it fail.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import rag

ROOT = Path(rag.__file__).parent
METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")
_CANDIDATES = "a1 _\n\t.,-'\"()[]{}<>#*|:;/\\!?=&%$@~^+`AZz0\x0b\x1b\u0301é中“”’…–"
_MOST_PIECES = 18
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)


@dataclass(frozen=True)
class Pattern:
    """One pattern and how the code applies it.

    Attributes:
        where: The module, and the pattern's name or its line.
        pattern: The compiled pattern.
        anchored: Whether it is only matched at given positions, so that it does not look for a start.
    """

    where: str
    pattern: re.Pattern[Any]
    anchored: bool


class _Word(str):
    """Stands for whatever a pattern is completed with at run time."""

    def __getattr__(self, name: str) -> _Word:
        return self

    def __getitem__(self, key: Any) -> _Word:  # type: ignore[override]
        return self


class _Names(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        return getattr(re, name, None) or __builtins__.get(name) or _Word("word")  # type: ignore[attr-defined]


def every_pattern() -> list[Pattern]:
    """Returns the patterns of every module: those it holds, and those it makes while it runs."""
    modules = [importlib.import_module(name) for name in sorted(_module_names())]
    source = {module.__name__: Path(str(module.__file__)).read_text("utf-8") for module in modules}
    everything = "\n".join(source.values())

    def is_anchored(module: ModuleType, name: str) -> bool:
        return _only_anchored(name, source[module.__name__] if name.startswith("_") else everything)

    found: dict[tuple[Any, int], Pattern] = {}
    for module in modules:
        for name, value in vars(module).items():
            for n, pattern in enumerate(_held(value)):
                one = Pattern(f"{module.__name__}.{name}[{n}]", pattern, is_anchored(module, name))
                found.setdefault((pattern.pattern, pattern.flags), one)
    for module in modules:
        for one in _made(module, source[module.__name__]):
            found.setdefault((one.pattern.pattern, one.pattern.flags), one)
    return list(found.values())


def _module_names() -> Iterator[str]:
    for info in pkgutil.walk_packages([str(ROOT)], "rag."):
        if not info.name.endswith("__main__") and "weights" not in info.name:
            yield info.name


def _held(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4 and isinstance(value, dict):
        yield from itertools.chain.from_iterable(_held(one, depth + 1) for one in value.values())
    elif depth < 4 and isinstance(value, list | tuple | set | frozenset):
        yield from itertools.chain.from_iterable(_held(one, depth + 1) for one in value)


def _only_anchored(name: str, source: str) -> bool:
    used = re.findall(rf"(?<![\w.]){re.escape(name)}\b(?:\.(\w+))?(?!\s*(?::[^=\n]*)?= )", source)
    return bool(used) and set(used) <= {"match", "fullmatch"}


def _made(module: ModuleType, source: str) -> Iterator[Pattern]:
    """Yields the patterns in calls such as `re.sub("…", …)`; what is only known at run time is a word."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in (*METHODS, "compile")
        ):
            names = _Names(vars(module))
            text = eval(compile(ast.Expression(node.args[0]), "pattern", "eval"), {"__builtins__": {}}, names)
            if isinstance(text, re.Pattern):
                continue
            flags = [k.value for k in node.keywords if k.arg == "flags"]
            flags += [value for value in node.args[1:] if "re." in ast.unparse(value)]
            flag = eval(compile(ast.Expression(flags[0]), "flags", "eval"), {"re": re}) if flags else 0
            yield Pattern(
                f"{module.__name__}:{node.lineno}", re.compile(text, flag), node.func.attr in ("match", "fullmatch")
            )


def work(pattern: Pattern) -> Callable[[Any], object]:
    """Returns what the code does with a text: look for the pattern everywhere, or only at the start."""
    if pattern.anchored:
        return lambda text: (pattern.pattern.match(text), pattern.pattern.fullmatch(text))
    return lambda text: sum(1 for _ in pattern.pattern.finditer(text))


def attacks(pattern: re.Pattern[Any], size: int, chooser: random.Random, most: int) -> Iterator[Any]:
    """Yields texts of about `size` characters, made to keep the matcher busy.

    Args:
        pattern: The pattern.
        size: Length of each text.
        chooser: Chooses among the texts if there are more.
        most: Number of texts.
    """
    recipes = list(_recipes(pattern))
    if len(recipes) > most:
        recipes = recipes[: most // 4] + chooser.sample(recipes[most // 4 :], most - most // 4)
    for recipe in recipes:
        text = recipe(size)
        yield text.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else text


def _recipes(pattern: re.Pattern[Any]) -> Iterator[Callable[[int], str]]:
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    pieces = _pieces(tree)
    leads = list(dict.fromkeys(["", *_leads(tree)]))[:8]
    ends = ["", "!", "\n", "\0x", *pieces[:4]]
    for lead, piece, end in itertools.product(leads, pieces, ends):
        yield lambda size, lead=lead, piece=piece, end=end: lead + _repeated(piece, size) + end
    for (one, two), lead, end in itertools.product(itertools.permutations(pieces, 2), leads, ("", "!", "\n")):
        yield lambda size, one=one, two=two, lead=lead, end=end: lead + _repeated(one + two, size) + end
        yield (
            lambda size, one=one, two=two, lead=lead, end=end: (
                lead + _repeated(one, size // 2) + _repeated(two, size // 2) + end
            )
        )
    for three in itertools.permutations(pieces, 3):
        yield lambda size, three=three: _repeated("".join(three), size) + "!"
        yield lambda size, three=three: "".join(_repeated(piece, size // 3) for piece in three) + "!"


def _repeated(piece: str, size: int) -> str:
    return piece * max(1, size // len(piece))


def _pieces(tree: Any) -> list[str]:
    """Returns texts that lead to a part of the pattern, and texts that parts match, those that repeat first."""
    repeated, others = [], []
    for op, value in _parts(tree):
        if op in _REPEATS:
            repeated.append(_samples(value[2]))
        elif op is not codes.LITERAL:
            others.append(_of_part(op, value))
    in_turn = itertools.zip_longest([*dict.fromkeys(_leads(tree))][:8], *repeated, *others, fillvalue="")
    return list(dict.fromkeys(piece for turn in in_turn for piece in turn if 0 < len(piece) <= 40))[:_MOST_PIECES]


def _parts(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yields the parts of a pattern, outer ones first."""
    level = list(tree)
    while level:
        yield from level
        level = [part for op, value in level for inner in _children(op, value) for part in inner]


def _leads(tree: Any, before: str = "") -> Iterator[str]:
    """Yields texts that lead to each part that repeats."""
    for op, value in tree:
        for inner in _children(op, value):
            yield before
            yield from _leads(inner, before)
        before += next(iter(_samples([(op, value)])), "")


def _children(op: Any, value: Any) -> list[Any]:
    if op in _REPEATS:
        return [value[2]]
    if op is codes.SUBPATTERN:
        return [value[3]]
    if op is codes.BRANCH:
        return list(value[1])
    if op is codes.ATOMIC_GROUP:
        return [value]
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return []


def _samples(tree: Iterable[Any]) -> list[str]:
    """Returns a few texts that a sequence of parts matches, as far as can be told from the parts alone."""
    found = [""]
    for op, value in tree:
        found = [text + more for text in found for more in _of_part(op, value)][:6]
    return found


def _of_part(op: Any, value: Any) -> list[str]:
    if op is codes.LITERAL:
        return [chr(value)]
    if op in (codes.IN, codes.NOT_LITERAL, codes.ANY):
        return [c for c in _CANDIDATES if _is_in(op, value, c)][:4] or [""]
    if op in _REPEATS:
        least, most, inner = value
        return [text * (max(least, 1) if most else 0) for text in _samples(inner)][:3]
    if op is codes.BRANCH:
        return [text for branch in value[1] for text in _samples(branch)[:2]][:6]
    if op is codes.SUBPATTERN:
        return _samples(value[3])[:4]
    if op is codes.ATOMIC_GROUP:
        return _samples(value)[:4]
    return [""]


def _is_in(op: Any, value: Any, character: str) -> bool:
    if op is codes.ANY:
        return character != "\n"
    if op is codes.NOT_LITERAL:
        return ord(character) != value
    negated = bool(value) and value[0][0] is codes.NEGATE
    return any(_member(kind, one, character) for kind, one in value) != negated


_CATEGORIES = {
    codes.CATEGORY_DIGIT: str.isdigit, codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
}  # fmt: skip
_NEGATED = {
    codes.CATEGORY_NOT_DIGIT: codes.CATEGORY_DIGIT, codes.CATEGORY_NOT_SPACE: codes.CATEGORY_SPACE,
    codes.CATEGORY_NOT_WORD: codes.CATEGORY_WORD,
}  # fmt: skip


def _member(kind: Any, value: Any, character: str) -> bool:
    if kind is codes.LITERAL:
        return ord(character) == value
    if kind is codes.RANGE:
        return bool(value[0] <= ord(character) <= value[1])
    if kind is codes.CATEGORY:
        return not _CATEGORIES[_NEGATED[value]](character) if value in _NEGATED else _CATEGORIES[value](character)
    return False

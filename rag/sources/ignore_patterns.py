"""Decides which files are excluded, by patterns in `.gitignore`'s syntax. Only this module imports pathspec.

A folder's `.ragignore` may come from anyone, as may the names of its files. The patterns are therefore matched in a way
that takes time in proportion to the length of the name, however many wildcards a pattern has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_STAR = r"\[\^/\]\*"  # what `*` is translated to
_ONE = r"(?:\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^\\/()\[\]*+?$^|])"  # what matches one character of a name
_NEGATED = re.compile(r"(?<!\\)\[\^(?!/\])(\]?)((?:\\.|[^\[\]\\])*+)\]")
_STARS = re.compile(rf"(?:{_STAR}){{2,}}+")
_BETWEEN_STARS = re.compile(rf"{_STAR}((?:(?!{_STAR}){_ONE})++)(?={_STAR})")
_FOLDERS = r"\(\?:/\.\+\)\?"  # what `/**` is translated to
_BETWEEN_FOLDERS = re.compile(rf"{_FOLDERS}((?:(?!{_FOLDERS}).)++)(?={_FOLDERS})")
_BEFORE_FOLDERS = re.compile(rf"\A\^\(\?:\.\+/\)\?((?:(?!{_FOLDERS}).)++)(?={_FOLDERS})")


class IgnorePatterns:
    """Patterns in `.gitignore`'s syntax.

    Args:
        lines: The patterns, in order; the last one that matches decides.

    Raises:
        ValueError: A pattern is invalid.

    Example:
        >>> patterns = IgnorePatterns(["*.log", "!keep.log"])
        >>> patterns.match("a/b.log"), patterns.match("a/keep.log")
        (True, False)
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._spec = GitIgnoreSpec.from_lines(lines, pattern_factory=_LinearPattern)

    def match(self, source: str) -> bool:
        """Returns whether the patterns match a path, which is relative to their folder and has "/" between its names."""
        return bool(self._spec.match_file(source))


class _LinearPattern(GitIgnoreSpecPattern):
    """A pattern whose wildcards never try a second place for what follows them."""

    @classmethod
    def pattern_to_regex(cls, pattern: Any) -> tuple[Any, bool | None]:
        regex, include = super().pattern_to_regex(pattern)
        return (_without_backtracking(regex) if isinstance(regex, str) else regex), include


def _without_backtracking(regex: str) -> str:
    """Makes each wildcard that another one follows settle for the first place where what is between them matches.

    Any later place leaves less of the name to the second wildcard, which can match whatever is left.
    """
    regex = _NEGATED.sub(_without_slash, regex)
    regex = _STARS.sub("[^/]*", regex)
    regex = _BETWEEN_STARS.sub(r"(?>[^/]*?\1)", regex)
    regex = _BEFORE_FOLDERS.sub(r"^(?>(?:.+?/)??\1(?=/))", regex)
    return _BETWEEN_FOLDERS.sub(r"(?>(?:/.+?)??\1(?=/))", regex)


def _without_slash(bracket: re.Match[str]) -> str:
    """Returns a negated bracket that does not match "/", as in git."""
    closing = "\\]" if bracket[1] else ""  # a bracket at the start of a bracket is a character
    return f"[^/{closing}{bracket[2]}]"

"""Patterns that exclude files: the same files as pathspec's own, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from rag.sources.ignore_patterns import IgnorePatterns

PARTS = st.lists(
    st.sampled_from(["a", "b", "ab", ".", "*", "**", "?", "[ab]", "[!a]", "/", "/**/", "**/", "\\*"]),
    min_size=1,
    max_size=9,
)
NAMES = st.lists(st.text("ab.*-", min_size=1, max_size=6), min_size=1, max_size=6)


@settings(max_examples=1500, deadline=None)
@given(PARTS, NAMES)
def test_the_same_files_match(parts: list[str], names: list[str]) -> None:
    pattern, path = "".join(parts), "/".join(names)
    assume("[!a]" not in pattern or "/" not in path)  # pathspec lets a negated bracket match "/", which git does not
    try:
        expected = GitIgnoreSpec.from_lines([pattern]).match_file(path)
    except ValueError:
        with pytest.raises(ValueError, match=""):
            IgnorePatterns([pattern])
        return
    assert expected == IgnorePatterns([pattern]).match(path), (pattern, path)


def test_brackets_do_not_match_slashes() -> None:
    assert not IgnorePatterns(["b[!a]c"]).match("b/c")
    assert IgnorePatterns(["b[!a]c"]).match("d/bbc")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "b", "a" * 250),
        ("?*" * 40 + "b", "a" * 250),
        ("**/a/" * 20 + "b", "a/" * 1500 + "c"),
        ("x/**/" + "a/**/" * 20 + "b", "x/" + "a/" * 1500 + "c"),
        ("*a*/" * 10 + "**/" + "*a*b" * 10, "/".join(["a" * 200] * 15)),
    ],
)
def test_many_wildcards_are_fast(pattern: str, path: str) -> None:
    begun = time.process_time()
    assert not IgnorePatterns([pattern]).match(path)
    assert time.process_time() - begun < 0.5

"""What people read is plain present-day English: the tics of an older style stay out of docs, help, messages, comments."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TICS = re.compile(
    r"\b(?:anew|whoever|whosoever|nobody|besides|taken in|taking in|(?:is|are|was) told|mend(?:s|ed|ing)?"
    r"|what stands|where it stands|by itself|in vain|h(?:o|e)ld against|looks? over|amiss|beforehand|thereof|hitherto|lest"
    r"|therein|whereby|wherein)\b",
    re.IGNORECASE,
)
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("tests/sets/README.md"),
                *ROOT.glob("rag/**/*.md"), *ROOT.glob("rag/**/*.js"), *ROOT.glob("rag/**/*.css")})  # fmt: skip
MODULES = sorted({*ROOT.glob("rag/**/*.py"), *ROOT.glob("docs/*.py"), *ROOT.glob("benchmarks/*.py"), ROOT / "ui.py"})
WORD_LISTS = {"rag/answering/follow_up.py", "rag/answering/intent.py", "rag/answering/verification/claims.py",
              "rag/text/terms.py", "rag/answering/extraction.py"}  # fmt: skip


def read_by_people(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page; of a module its comments and texts. Patterns and lists of words are data."""
    source = path.read_text("utf-8")
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), start=1)
        return
    is_list = path.relative_to(ROOT).as_posix() in WORD_LISTS
    before = tokenize.NEWLINE  # type of the token before; a docstring is a statement of its own
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_docstring = before in (tokenize.NEWLINE, tokenize.INDENT)
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and (is_docstring or not is_list)):
            yield from enumerate(token.string.splitlines(), start=token.start[0])
        before = before if token.type in (tokenize.NL, tokenize.COMMENT) else token.type


@pytest.mark.parametrize("path", [*PAGES, *MODULES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_tics(path: Path) -> None:
    """Write what style guides of today would: "again", "anyone", "also", "is notified", "fixed", "alone"."""
    found = [f"{path.name}:{n}: {line.strip()}" for n, line in read_by_people(path) if TICS.search(line)]

    assert [] == found


def test_the_search_finds() -> None:
    """The pattern sees each tic where it is, and passes what only looks like one."""
    assert TICS.search("The index is built anew.")
    assert TICS.search("Whoever waits in vain is told for whom.")
    assert not TICS.search("A told story takes inspiration; the recommended way; standing order.")

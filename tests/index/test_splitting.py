"""Passages have exact offsets and sizes within the limit, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.index.splitting import SentencePacker
from rag.models.embedder import MiniLM

EMBEDDER = MiniLM()
PACKER = SentencePacker(64, EMBEDDER.token_starts)

PIECES = st.sampled_from(
    ["word ", "Sentence one. ", "\n", "\n\n", "\r\n", "e\u0301", "🙂", "👩‍👩‍👧", "שלום ", "مرحبا ", "\0", "中文。",
     "# Head\n", "```\n# code\n```\n", "x" * 300, "1.5 ", "Dr. ", "\u202e", "| a | b |\n"]
)  # fmt: skip


def assert_sound(text: str, passages: list) -> None:
    """Checks what every splitter promises."""
    at = 0
    for passage in passages:
        assert at <= passage.start < passage.end <= len(text)
        assert not text[at : passage.start].strip()
        assert text[passage.start : passage.end].strip()
        at = passage.end
    assert not text[at:].strip()


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.booleans())
def test_passages_hold_everything(text: str, markdown: bool) -> None:
    """For any text, passages are in order, do not overlap, contain all of it, and fit the limit."""
    passages = list(PACKER.split(text, markdown))

    assert_sound(text, passages)
    for passage in passages:
        assert len(EMBEDDER.token_starts(text[passage.start : passage.end])) <= 64 + 2  # a cut may divide a word


@pytest.mark.parametrize("line", ["a" * 1_000_000, "word " * 200_000, "中" * 300_000, "a\u0301" * 200_000])
def test_one_huge_line(line: str) -> None:
    """A line of a megabyte is split into bounded passages without loss."""
    passages = list(PACKER.split(line, markdown=False))

    assert_sound(line, passages)
    assert max(p.end - p.start for p in passages) <= 64 * 8


def test_headings_are_a_path() -> None:
    """A passage knows the headings above it; a heading in code is code."""
    text = "# A\n\nintro here\n\n## B\n\nbody here\n\n```\n# not a heading\n```\n\n# C\n\nlast one"
    found = {text[p.start : p.end].split("\n")[-1]: p.heading for p in PACKER.split(text, markdown=True)}

    assert {"intro here": "A", "```": "A › B", "last one": "C"} == found


def test_real_article(article: str) -> None:
    """No sentence of the article is split."""
    passages = list(SentencePacker(200, EMBEDDER.token_starts).split(article, markdown=False))

    assert_sound(article, passages)
    assert all(article[p.end - 1] in ".”5m" for p in passages)


def test_hostile_headings() -> None:
    """A heading of spaces takes time proportional to its length."""
    text = "# Title" + " " * 50_000 + "end\n" + "#" * 50_000 + "\n" + "# " + "# " * 20_000

    assert_sound(text, list(PACKER.split(text, markdown=True)))


def test_many_short_sections_become_few_passages() -> None:
    """The index does not grow with the number of headings; a text of a usual length keeps its sections."""
    text = "# a\nb\n" * 40_000
    passages = list(SentencePacker(260, lambda part: list(range(0, len(part), 4))).split(text, True))
    assert_sound(text, passages)
    assert len(passages) < len(text) / 350
    assert {"a"} == {passage.heading for passage in passages}

    short = "".join(f"# Part {n}\nText number {n}.\n" for n in range(50))
    assert 50 == len(list(SentencePacker(260, lambda part: list(range(0, len(part), 4))).split(short, True)))


def test_headings_are_kept_in_part() -> None:
    """Six levels of headings of any length take no more than a passage does."""
    text = "".join(f"{'#' * level} {'word ' * 1000}\n" for level in range(1, 7)) + "The text below.\n"
    passages = list(SentencePacker(260, lambda part: list(range(0, len(part), 4))).split(text, True))

    assert max(len(passage.heading) for passage in passages) < 1300
    assert_sound(text, passages)

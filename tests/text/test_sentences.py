"""Sentences: where they end, and that nothing between them is lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text.sentences import sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Wu left at 3 p.m. today. Why?", ["Dr. Wu left at 3 p.m. today.", "Why?"]),
        ("He met U.S. President Ford. It rained.", ["He met U.S. President Ford.", "It rained."]),
        ("It moved to the U.S. The end.", ["It moved to the U.S.", "The end."]),
        ("Pi is 3.14 exactly. No. 5 is alive.", ["Pi is 3.14 exactly.", "No. 5 is alive."]),
        ("“We agreed,” he said. “Now go.” She left.", ["“We agreed,” he said.", "“Now go.”", "She left."]),
        ("J. R. Smith wrote e.g. poems. Good!", ["J. R. Smith wrote e.g. poems.", "Good!"]),
        ("wrapped by a\npage here. Next one", ["wrapped by a\npage here.", "Next one"]),
        ("# Heading\nText under it.", ["# Heading", "Text under it."]),
        ("First paragraph\n\nsecond paragraph", ["First paragraph", "second paragraph"]),
        ("- one item\n- another item", ["- one item", "- another item"]),
        ("4. Pets. No dogs may be kept. Cats may.", ["4. Pets. No dogs may be kept.", "Cats may."]),
        ("PETS. No dogs may be kept.", ["PETS. No dogs may be kept."]),
        ("**Pets.** No dogs.", ["**Pets.** No dogs."]),
        ("3.1 Rent. The rent is due.", ["3.1 Rent. The rent is due."]),
        ("It rained. Then we left.", ["It rained.", "Then we left."]),
        ("we meet on monday\nbring a pen. it rains", ["we meet on monday", "bring a pen.", "it rains"]),
        ("Ethanol (C₆H₅OH) boils. It burns.", ["Ethanol (C₆H₅OH) boils.", "It burns."]),
        (
            "10:01 bo: see you at nine\n10:02 al: yes\n10:03 bo: ok",
            ["10:01 bo: see you at nine", "10:02 al: yes", "10:03 bo: ok"],
        ),
        (
            "Week   Starts    Track\n1      11 Sep    6 x 800\n2      18 Sep    5 x 1000\n3      25 Sep    4 x 1200",
            [
                "Week   Starts    Track",
                "1      11 Sep    6 x 800",
                "2      18 Sep    5 x 1000",
                "3      25 Sep    4 x 1200",
            ],
        ),
        (
            "ANNA: I think that we should consider moving to\nanother town next year.\nBEN: Yes.\nANNA: Good.\nBEN: Well.",
            [
                "ANNA: I think that we should consider moving to\nanother town next year.",
                "BEN: Yes.",
                "ANNA: Good.",
                "BEN: Well.",
            ],
        ),
        ("今日は晴れ。明日は雨。", ["今日は晴れ。", "明日は雨。"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_ends(text: str, expected: list[str]) -> None:
    """Sentences end where a reader would end them."""
    assert expected == [text[a:b] for a, b in sentences(text)]


@given(st.text(st.sampled_from("aB .!?\n\r\"'”)\0\u0301é5中。-#|\u200f🙂"), max_size=300))
def test_nothing_is_lost(text: str) -> None:
    """Sentences are in order, do not overlap, and hold all that is not white space."""
    found = sentences(text)

    at = 0
    for start, end in found:
        assert at <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        assert not text[at:start].strip()
        at = end
    assert not text[at:].strip()


@pytest.mark.parametrize(
    "text", ["." * 100_000, " " * 100_000 + "x", "\n" * 100_000, "a." * 50_000, '."' * 50_000, "。" * 100_000]
)
def test_linear(text: str) -> None:
    """Nobody's text makes it hang: these take minutes if any rule is quadratic."""
    begun = time.process_time()
    sentences(text)

    assert time.process_time() - begun < 20

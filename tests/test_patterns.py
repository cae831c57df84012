"""Every regular expression in the code takes time proportional to the text, however the text is made."""

from __future__ import annotations

import random
import re
import signal
import sys
import time
from types import FrameType

import pytest

from rag.answering import follow_up
from rag.answering.intent import MAX_CHARACTERS

from .patterns import Pattern, attacks, every_pattern, work

SIZE, TIMES = 16_000, 3
SUSPICIOUS_S = 0.006  # a pattern that looks at each character a few times needs 2 ms
TOO_LONG_S = 1.0
EXPONENTIAL_S = 0.1  # for 60 characters
IN_CI = 25  # texts for each pattern; with --full, 2,000
# Patterns that the code matches only against a part of this length, in which they take at most `BRIEF_S`.
BOUNDS = {
    "rag.answering.intent": MAX_CHARACTERS, "rag.answering.answerer": MAX_CHARACTERS,
    "rag.answering.follow_up": follow_up.MAX_CHARACTERS, "rag.text.sentences._BEFORE_STOP": 25,
    "rag.sources.decoding.number_formats._TOKEN": 255, "rag.text.blocks.columns._PAGE": 90,
}  # fmt: skip
BRIEF_S = 0.1


class _TimeoutError(Exception):
    pass


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _TimeoutError


def seconds(pattern: Pattern, text: str | bytes) -> float:
    """Returns the processor time that a text takes; infinite if it does not end."""
    signal.setitimer(signal.ITIMER_REAL, TOO_LONG_S)
    started = time.process_time()
    try:
        work(pattern)(text)
    except _TimeoutError:
        return float("inf")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return time.process_time() - started


def slow_text(pattern: Pattern, seed: int, most: int) -> str:
    """Returns a text on which a pattern needs more than linear time; empty if none is found."""
    bound = next((bound for where, bound in BOUNDS.items() if pattern.where.startswith(where)), 0)
    if bound:
        texts = attacks(pattern.pattern, bound, random.Random(seed), most)
        return next((f"{text!r}" for text in texts if seconds(pattern, text[:bound]) > BRIEF_S), "")
    for small, large in zip(
        attacks(pattern.pattern, SIZE, random.Random(seed), most),
        attacks(pattern.pattern, SIZE * TIMES, random.Random(seed), most),
        strict=True,
    ):
        if seconds(pattern, small[:60]) > EXPONENTIAL_S:
            return f"{small[:60]!r}: exponential"
        taken = seconds(pattern, small)
        if taken < SUSPICIOUS_S:
            continue
        if taken > TOO_LONG_S:
            return f"{small[:60]!r}… ({len(small)} characters) takes more than {TOO_LONG_S} s"
        short, long = (min(seconds(pattern, text) for _ in range(2)) for text in (small, large))
        if short > SUSPICIOUS_S and long > 1.8 * TIMES * short:
            return f"{small[:60]!r}… ({len(small)} characters) {short:.3f} s, {TIMES} times as long {long:.3f} s"
    return ""


PATTERNS = every_pattern()


@pytest.mark.skipif(sys.platform == "win32", reason="needs an interval timer")
@pytest.mark.parametrize("pattern", PATTERNS, ids=[pattern.where for pattern in PATTERNS])
def test_pattern_is_linear(pattern: Pattern, full: bool, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--seed")
    before = signal.signal(signal.SIGALRM, _interrupt)
    try:
        assert slow_text(pattern, seed, 2_000 if full else IN_CI) == ""
    finally:
        signal.signal(signal.SIGALRM, before)


CARELESS = {
    "comments": rb"(?:<!--.*?-->\s*)*<html\b",
    "heading": r"^#[ \t]+(.+?)[ \t]*#*$",
    "optional argument": r"\\title(?:\[[^\]]*\])?\{",
    "nested": r"(?:\w+\s?)+!",
    "spaces before": r"\s*[\[(]?…",
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs an interval timer")
@pytest.mark.parametrize("name", CARELESS)
def test_careless_patterns_are_found(name: str) -> None:
    """The generator finds what made patterns of this kind slow."""
    pattern = re.compile(CARELESS[name], re.DOTALL if name == "comments" else re.MULTILINE)
    before = signal.signal(signal.SIGALRM, _interrupt)
    try:
        assert slow_text(Pattern(name, pattern, anchored=name == "comments"), 1, 40)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_every_pattern_is_tried() -> None:
    assert len(PATTERNS) > 100
    assert {pattern.where.partition(":")[0].rpartition(".")[0].split(".")[1] for pattern in PATTERNS} >= {
        "text", "sources", "answering", "index", "evaluation",
    }  # fmt: skip

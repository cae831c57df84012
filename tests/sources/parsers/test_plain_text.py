"""Plain text: the title, author and date that it has; and subtitles."""

from __future__ import annotations

import pytest

from rag.errors import ReadError
from rag.sources.parsers.plain_text import parse, parse_subtitles


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("The Ferry\n\nIt sails at night.", "The Ferry"),
        ("\ufeffThe Ferry\n\nIt sails at night.", "The Ferry"),
        ("It sails at night.\n\nMore.", "A note"),  # a sentence
        ("The Ferry\nIt sails at night.", "A note"),  # no blank line
        ("- item\n\nMore", "A note"),
        ("x" * 121 + "\n\nMore", "A note"),
    ],
)
def test_a_short_first_line_is_the_title(text: str, title: str) -> None:
    assert title == parse(text.encode(), "a-note.txt").title


def test_author_and_date_are_looked_for_at_both_ends() -> None:
    """Not in the middle of a long text."""
    middle = "word " * 2_000
    document = parse(f"by Ada Holm\n\n{middle}\nPublished on March 18, 2024\n".encode(), "a.txt")

    assert ("Ada Holm", "2024-03-18") == (document.author, document.date)
    assert "" == parse(f"{middle}\nby Ada Holm\n{middle}".encode(), "a.txt").author


VTT = """WEBVTT

NOTE written by hand

1
00:00:01.000 --> 00:00:05.000
<v Anna Berg>Good morning, let us <i>begin</i> with

2
00:00:05.000 --> 00:00:09.000 align:start
<v Anna Berg>the fans.

00:59:59.500 --> 01:00:15.000
<v Ole Vik>They cost &lt;40&gt; euros.
"""


def test_subtitles_become_what_each_speaker_says() -> None:
    """Sentences over several cues are joined; times are anchors."""
    document = parse_subtitles(VTT.encode(), "talk.vtt")

    assert "Anna Berg: Good morning, let us begin with the fans.\n\nOle Vik: They cost <40> euros." == document.text
    assert ["0:01", "59:59"] == [anchor.name for anchor in document.anchors]
    assert ["Anna Berg: ", "Ole Vik: "] == [document.text[b.start : b.label_end] for b in document.blocks]


def test_subtitles_without_speakers() -> None:
    """Each sentence is an entry; a pause ends one, a comma does not."""
    cues = ("Where is the key?", "It is under", "the mat,", "I think.")
    text = "\n\n".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n + 1:02},000\n{words}" for n, words in enumerate(cues))
    document = parse_subtitles(text.encode(), "talk.srt")

    assert "Where is the key?\n\nIt is under the mat, I think." == document.text
    with pytest.raises(ReadError, match="no subtitles"):
        parse_subtitles(b"WEBVTT\n\nNothing here.", "empty.vtt")

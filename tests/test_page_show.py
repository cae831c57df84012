"""What the page shows, from records: nothing untrusted becomes markup."""

from __future__ import annotations

import html
import re

import pytest

from rag.page import show
from rag.records import Answer, Citation, Document, DocumentInfo, Flag

HOSTILE = [
    "<script>PWN=1</script>", "![x](http://evil.example/a.png)", "<img src=x onerror=PWN=1>", "[a](javascript:PWN=1)",
    "http://evil.example/?leak", "<a href='http://evil.example'>x</a>", "$$\\href{javascript:PWN=1}{x}$$",
    "```mermaid\ngraph\n```",
    "| a | b |\n|---|---|", "# heading", "&lt;script&gt;", "\u202eevil\u202c", "<!-- -->", "{{7*7}}", "<svg onload=PWN=1>",
]  # fmt: skip


def citation(**changed) -> Citation:
    values = {"n": 1, "source": "a.txt", "title": "A", "locator": "", "page": None, "start": 4, "end": 9, "quote": "black",
              "verdict": "exact", "answer_start": 0, "answer_end": 5, "document_id": 1}  # fmt: skip
    return Citation(**{**values, **changed})


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_only_text(text: str) -> None:
    """No tag, link, image or entity survives; what is seen is what was written, but for marks that hide."""
    shown = show.escaped(text)
    without_entities = re.sub(r"&#\d+;|<br>", "", shown)

    assert re.fullmatch(r"[\w\s]*", without_entities)
    assert html.unescape(shown.replace("<br>", "\n")) == re.sub("[\u202a-\u202e]", "", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_every_sink_escapes(text: str) -> None:
    """Answer, chip, source panel, document list, flags: the only tags are the page's own."""
    document = Document(f"say black {text} cat", text, text, text, source=text)
    cited = citation(title=text, source=text, quote=text)
    answer = Answer("q", f"black {text}", "answered", (cited,), (Flag(text, "weak", 0, 5),), (), 1.0, text, text)
    info = DocumentInfo(text, text, text, text, "text/plain", 1, 1, 0, "failed", "/", "", "", text, text)
    shown = [show.answer(1, answer), show.sources(1, [(document, [cited])]), show.documents([info]), show.writing(text)]

    for markup in shown:
        tags = set(re.findall(r"<\s*/?\s*([a-z]+)", markup))
        assert tags <= {"sup", "a", "span", "mark", "br"}
        assert not re.search(r"href=['\"](?!#c)", markup)
        assert "javascript:" not in markup
        assert "http:" not in markup


def test_the_mark_holds_the_quote() -> None:
    """The marked characters are the cited ones."""
    document = Document("the black cat", "Cats", source="a.txt")
    shown = show.sources(2, [(document, [citation()])])

    assert 'the <mark id="c2-1" class="cited">black</mark> cat' in shown


def test_overlapping_and_distant_citations() -> None:
    """Text between is kept or shown as a gap; nothing is shown twice."""
    text = "".join(chr(97 + i % 26) for i in range(9000))
    cited = [citation(n=1, start=10, end=20), citation(n=2, start=15, end=30), citation(n=3, start=8000, end=8010)]
    shown = show.sources(1, [(Document(text, "T", source="a.txt"), cited)])

    assert "c1-1" in shown
    assert f'<mark id="c1-2" class="cited">{text[20:30]}</mark>' in shown
    assert f'<mark id="c1-3" class="cited">{text[8000:8010]}</mark>' in shown
    assert " … " in shown


def test_answer_has_chips_where_claims_end() -> None:
    """A marker becomes a chip; the verdict is in words."""
    answer = Answer("q", "black [1]", "answered", (citation(),), (), (), 0.9, "extraction", timings_ms={"total": 200.0})
    shown = show.answer(1, answer)

    assert shown.startswith('black<sup><a class="chip" href="#c1-1"')
    assert "[1]" not in shown
    assert "✓ 1 citation checked" in html.unescape(shown)


def test_an_empty_library_invites() -> None:
    """The list says how to begin."""
    assert "rag add FILE" in show.documents([])


def test_a_long_list_is_cut() -> None:
    """A hundred documents are shown, those that could not be read first, and how many more there are."""
    ready = [DocumentInfo(f"{n}.txt", f"T{n}", "", "", "text/plain", 1, 1, 0, "ready", "/", "", "") for n in range(5_000)]
    broken = DocumentInfo("zz.pdf", "", "", "", "", 0, 0, 0, "failed", "/", "", "", "broken", "")
    listed = show.documents([*ready, broken])

    assert listed.startswith("* **zz&#46;pdf**")
    assert "4,901 more" in listed
    assert 101 == len([line for line in listed.splitlines() if line.startswith("* ")])

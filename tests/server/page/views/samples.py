"""Records and hostile texts for the tests of the views, and the check that a text became no markup."""

from __future__ import annotations

import re

from rag.records import Answer, Citation, DocumentInfo, Flag, Hit, Ranks

HOSTILE = [
    "<script>PWN=1</script>", "![x](http://evil.example/a.png)", "<img src=x onerror=PWN=1>", "[a](javascript:PWN=1)",
    "http://evil.example/?leak", "<a href='http://evil.example'>x</a>", "$$\\href{javascript:PWN=1}{x}$$",
    "```mermaid\ngraph\n```",
    "| a | b |\n|---|---|", "# heading", "&lt;script&gt;", "\u202eevil\u202c", "<!-- -->", "{{7*7}}", "<svg onload=PWN=1>",
]  # fmt: skip
PAGE_TAGS = {"sup", "a", "h1", "h2", "ins", "del", "details", "summary", "span", "mark", "br", "div", "p", "section",
             "button", "ul", "li", "b", "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip


def assert_only_page_markup(markup: str) -> None:
    """The tags are the page's own, links lead to the page's own addresses, and Markdown takes the markup as one block."""
    assert set(re.findall(r"<\s*/?\s*([a-z0-9]+)", markup)) <= PAGE_TAGS
    assert not re.search(r"(?:href|src)=['\"](?!#[ch]\d|/documents/\d)", markup)
    assert "javascript:" not in markup
    assert "http:" not in markup
    assert "\n\n" not in markup


def citation(**changed) -> Citation:
    values = {"n": 1, "source": "a.txt", "title": "A", "locator": "", "page": None, "start": 4, "end": 9, "quote": "black",
              "verdict": "exact", "answer_start": 0, "answer_end": 5, "document_id": 1}  # fmt: skip
    return Citation(**{**values, **changed})


def hit(**changed) -> Hit:
    values = {"source": "a.txt", "title": "A", "page": None, "start": 0, "end": 5, "score": 0.5, "text": "black",
              "heading": "", "author": "", "date": "", "ranks": Ranks(None, 0.0, None, None), "document_id": 1}  # fmt: skip
    return Hit(**{**values, **changed})


def answer(**changed) -> Answer:
    values = {"question": "q", "text": "black", "status": "answered", "citations": (), "flags": (), "hits": (),
              "evidence": 0.9, "model": "extraction"}  # fmt: skip
    return Answer(**{**values, **changed})


def hostile_answer(text: str) -> Answer:
    """An answer with a text in every place that documents and models can fill."""
    return answer(
        text=f"black {text}",
        citations=(citation(title=text, source=text, quote=text, short_start=4, short_end=6),),
        flags=(Flag(text, "weak", 0, 5, text),),
        model=text,
        notice=text,
    )


def info(source: str, **changed) -> DocumentInfo:
    values = {"title": source, "author": "", "date": "", "media_type": "text/plain", "characters": 1, "passages": 1,
              "pages": 0, "state": "ready", "root": "/", "added": "", "content_hash": "", "id": 1}  # fmt: skip
    return DocumentInfo(source, **{**values, **changed})

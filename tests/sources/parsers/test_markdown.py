"""Markdown: front matter and headings."""

from __future__ import annotations

from rag.sources.parsers.markdown import parse


def test_markdown_front_matter() -> None:
    """Title, author and date come from the front matter; other fields are kept."""
    document = parse(b"---\ntitle: Tea\nauthor: Ann Lee\ndate: 2020-05-01\ntopic: drinks\n---\n# Other\n\nText.", "x.md")

    assert ("Tea", "Ann Lee", "2020-05-01", {"topic": "drinks"}) == (
        document.title, document.author, document.date, dict(document.metadata),
    )  # fmt: skip


def test_the_first_heading_is_the_title() -> None:
    """Without one, the file's name is; the markup is kept."""
    assert ("Tea", "# Tea #\n\nText.") == ((document := parse(b"# Tea #\n\nText.", "x.md")).title, document.text)
    assert "Green tea" == parse(b"Text only.", "notes/green-tea.md").title

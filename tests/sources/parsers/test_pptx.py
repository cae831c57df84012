"""PowerPoint slides."""

from __future__ import annotations

from rag.sources.parsers.pptx import parse

from ...making import zipped

RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def shape(text: str, kind: str = "") -> str:
    placeholder = f'<nvSpPr><nvPr><ph type="{kind}"/></nvPr></nvSpPr>' if kind else ""
    return f"<sp>{placeholder}<txBody><p><r><t>{text}</t></r></p></txBody></sp>"


def links(*targets: tuple[str, str, str]) -> bytes:
    rows = "".join(f'<Relationship Id="{id_}" Type="http://x/{kind}" Target="{target}"/>' for id_, kind, target in targets)
    return f"<Relationships>{rows}</Relationships>".encode()


def test_titles_come_first_and_notes_last() -> None:
    """Slides come in the order of the presentation, not of their files; numbers and footers are dropped."""
    parts = {
        "ppt/presentation.xml": f'<p xmlns:r="{RELS}"><sldId id="1" r:id="b"/><sldId id="2" r:id="a"/></p>'.encode(),
        "ppt/_rels/presentation.xml.rels": links(("a", "slide", "slides/s1.xml"), ("b", "slide", "slides/s2.xml")),
        "ppt/slides/s1.xml": f"<s>{shape('Last words.')}{shape('3', 'sldNum')}</s>".encode(),
        "ppt/slides/s2.xml": f"<s>{shape('Body.')}{shape('The Ferry', 'title')}</s>".encode(),
        "ppt/slides/_rels/s2.xml.rels": links(("n", "notesSlide", "../notes/n.xml")),
        "ppt/notes/n.xml": f"<s>{shape('Speak slowly.')}</s>".encode(),
    }
    document = parse(zipped(parts), "a.pptx").documents[0]

    assert "The Ferry\n\nBody.\n\nNotes: Speak slowly.\n\nLast words." == document.text
    assert ("The Ferry", [1, 2]) == (document.title, [anchor.page for anchor in document.anchors])


def test_merged_cells_are_in_each_of_their_rows() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<tc{more}><txBody><p><r><t>{text}</t></r></p></txBody></tc>"

    rows = (
        cell("Region") + cell("Half") + cell("Sum"),
        cell("North", ' rowSpan="2"') + cell("H1") + cell("7"),
        cell("", ' vMerge="1"') + cell("H2") + cell("9"),
    )
    table = f"<s><graphicFrame><tbl>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbl></graphicFrame></s>"
    parts = {
        "ppt/presentation.xml": f'<p xmlns:r="{RELS}"><sldId id="1" r:id="a"/></p>'.encode(),
        "ppt/_rels/presentation.xml.rels": links(("a", "slide", "slides/s1.xml")),
        "ppt/slides/s1.xml": table.encode(),
    }
    assert (
        "Region | Half | Sum\nRegion: North | Half: H1 | Sum: 7\nRegion: North | Half: H2 | Sum: 9"
        == parse(zipped(parts), "a.pptx").documents[0].text
    )

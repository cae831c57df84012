"""Word documents."""

from __future__ import annotations

from rag.sources.parsers.docx import parse

from ...making import zipped

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def text_of(body: str, styles: str = "") -> str:
    parts = {"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>".encode()}
    if styles:
        parts["word/styles.xml"] = f"<w:styles {W}>{styles}</w:styles>".encode()
    return parse(zipped(parts), "a.docx").documents[0].text


def run(text: str) -> str:
    return f"<w:r><w:t>{text}</w:t></w:r>"


def test_headings_lists_and_breaks() -> None:
    """The level of a heading may come from the style that its style is based on."""
    styles = (
        '<w:style w:styleId="h2"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:styleId="own"><w:name w:val="Own"/><w:basedOn w:val="h2"/></w:style>'
    )
    body = (
        f'<w:p><w:pPr><w:pStyle w:val="own"/></w:pPr>{run("Arches")}</w:p>'
        f"<w:p><w:pPr><w:numPr/></w:pPr>{run('stone')}</w:p><w:p>{run('one')}<w:r><w:br/></w:r>{run('two')}</w:p>"
    )

    assert "## Arches\n\n- stone\n\none\ntwo" == text_of(body, styles)


def test_insertions_are_kept_and_deletions_dropped() -> None:
    body = (
        f"<w:p>{run('The arch is ')}<w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins>{run('new')}</w:ins></w:p>"
    )

    assert "The arch is new" == text_of(body)


def test_text_boxes_and_tables() -> None:
    """A text box follows its paragraph; a cell that spans columns or rows counts in each of them."""
    box = f"<w:p>{run('Before.')}<w:r><w:drawing><w:txbxContent><w:p>{run('In the box.')}</w:p></w:txbxContent></w:drawing></w:r></w:p>"
    cells = [["Region", "Shops", "Sum"], ["North", "3", "12"], ["", "5", "9"]]
    rows = "".join(
        "<w:tr>"
        + "".join(
            f"<w:tc><w:tcPr>{'<w:vMerge/>' if not cell else ''}</w:tcPr><w:p>{run(cell)}</w:p></w:tc>" for cell in row
        )
        + "</w:tr>"
        for row in cells
    )

    assert "Before.\n\nIn the box." == text_of(box)
    assert text_of(f"<w:tbl>{rows}</w:tbl>").endswith("Region: North | Shops: 5 | Sum: 9")

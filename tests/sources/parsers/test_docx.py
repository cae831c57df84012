"""Word documents."""

from __future__ import annotations

import time

from rag.sources.parsers.docx import parse

from ...making import zipped

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def text_of(body: str, styles: str = "", numbering: str = "", footnotes: str = "") -> str:
    parts = {"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>".encode()}
    if styles:
        parts["word/styles.xml"] = f"<w:styles {W}>{styles}</w:styles>".encode()
    if numbering:
        parts["word/numbering.xml"] = f"<w:numbering {W}>{numbering}</w:numbering>".encode()
    if footnotes:
        parts["word/footnotes.xml"] = f"<w:footnotes {W}>{footnotes}</w:footnotes>".encode()
        kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
        parts["word/_rels/document.xml.rels"] = (
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{kind}" Target="footnotes.xml"/></Relationships>'
        ).encode()
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


LEGAL = (
    '<w:abstractNum w:abstractNumId="7">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:pStyle w:val="h1"/><w:lvlText w:val="%1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>'
    '<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%3)"/></w:lvl>'
    '</w:abstractNum><w:abstractNum w:abstractNumId="8"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="1"><w:startOverride w:val="5"/></w:lvlOverride>'
    "</w:num>"
)


def item(text: str, level: int, list_: int = 1) -> str:
    return f'<w:p><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{list_}"/></w:numPr></w:pPr>{run(text)}</w:p>'


def test_numbers_that_word_computes() -> None:
    """Of headings by their style, of clauses and letters; they start again below each higher level, and where it is set."""
    styles = '<w:style w:styleId="h1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    title = '<w:p><w:pPr><w:pStyle w:val="h1"/></w:pPr>{}</w:p>'
    body = (
        title.format(run("Term")) + item("Three years.", 1) + item("Ends if:", 1) + item("it fails;", 2) + item("it stops.", 2)
        + title.format(run("Fees")) + item("Forty.", 1) + item("water", 0, 2) + item("Later.", 1, 3) + item("Last.", 1, 3)
        + item("Not in a list.", 0, 0)
    )  # fmt: skip

    assert (
        "# 1. Term|1.1 Three years.|1.2 Ends if:|(a) it fails;|(b) it stops.|# 2. Fees|2.1 Forty.|- water|2.5 Later.|2.6 Last."
        "|Not in a list."
    ).split("|") == text_of(body, styles, LEGAL).split("\n\n")


def test_raised_text_and_notes() -> None:
    """An exponent and the mark of a note do not change the figure before them."""
    raised = '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>{}</w:t></w:r>'
    body = (
        f"<w:p>{run('12 m')}{raised.format('2')}{run(' on the 4')}{raised.format('th')}{run(', of 1,204')}"
        '<w:r><w:footnoteReference w:id="6"/></w:r></w:p>'
    )
    notes = f'<w:footnote w:id="6"><w:p>{run("An estimate.")}</w:p></w:footnote>'

    assert "12 m² on the 4th, of 1,204[1]\n\n[1] An estimate." == text_of(body, footnotes=notes)


def test_many_notes_take_linear_time() -> None:
    body = "<w:p>" + "".join(f'<w:r><w:footnoteReference w:id="{n}"/></w:r>' for n in range(30_000)) + "</w:p>"
    started = time.process_time()

    assert text_of(body).endswith("[29999][30000]")
    assert time.process_time() - started < 5

"""Source code, LaTeX and reStructuredText."""

from __future__ import annotations

from rag.records import Block
from rag.sources.parsers.code import parse, parse_rst, parse_tex
from rag.text.blocks import recognised


def test_lines_of_source_code_are_counted() -> None:
    """There is an anchor for every 500 lines; the text is the source, character by character."""
    source = "".join(f"x{n} = {n}\n" for n in range(1, 1_002))
    document = parse(source.encode(), "src/a.py")

    assert (source, "a.py") == (document.text, document.title)
    assert [1, 501, 1001] == [anchor.first for anchor in document.anchors]
    assert source.index("x501 =") == document.anchors[1].start


def test_sections_of_latex() -> None:
    text = r"""\title{On \emph{Bridges}\thanks{No one}}
\author{Ada Holm}
\date{March 18, 2024}
\section{Arches}\label{s}
Stone.
\subsection*[short]{The $n$-th arch}
"""
    document = parse_tex(text.encode(), "a.tex")

    assert ("On Bridges", "Ada Holm", "2024-03-18") == (document.title, document.author, document.date)
    assert ["§ Arches", "§ The $n$-th arch"] == [anchor.name for anchor in document.anchors]
    assert text.index(r"\section") == document.anchors[0].start


def test_sections_of_restructuredtext() -> None:
    text = (
        "Harbour guide\n=============\n\n:Author: Nele Prins\n:Date: 2024-03-18\n\nMoorings\n--------\n\nForty.\n\nno\n--\n"
    )
    document = parse_rst(text.encode(), "a.rst")

    assert ("Harbour guide", "Nele Prins", "2024-03-18") == (document.title, document.author, document.date)
    assert ["§ Harbour guide", "§ Moorings"] == [anchor.name for anchor in document.anchors]


def test_code_is_one_block_and_settings_are_labelled_values() -> None:
    code = parse(b"\n# Reads.\nx: int = 1\n", "a.py").blocks
    settings = recognised(parse(b"server:\n  port: 8443\n", "a.yaml").text, markdown=False)

    assert (Block("code", 1, 20),) == code
    assert [("paragraph", 0), ("pair", 15)] == [(block.kind, block.label_end) for block in settings]

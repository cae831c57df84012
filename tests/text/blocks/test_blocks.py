"""The parts of a text are recognised by its layout."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.records import Block
from rag.text.blocks import recognised
from rag.text.blocks.marks import mark_of

CONTAINERS = {"message", "exchange", "question", "answer", "list"}


LONG = "The governor said that the prices of fuel and rice had risen for the third month, and that wages would follow. "


def shape(text: str, *, markdown: bool = False) -> list[str]:
    """Returns each block as its kind, number and label, and the words of those that contain no others."""
    found = []
    for block in recognised(text, markdown=markdown):
        label = text[block.start : block.label_end].strip() if block.label_end else ""
        words = "" if block.kind in CONTAINERS else text[block.start : block.end].replace("\n", "/")
        found.append(
            " ".join(filter(None, (block.kind, block.number and f"#{block.number}", label and f"<{label}>", words)))
        )
    return found


def test_headings_paragraphs_and_clauses() -> None:
    text = "HIRE AGREEMENT\n\n1. Term. It begins on 1 May.\n2. Rent. It is 40 euros.\n\nSCHEDULE\nKeys are at the desk.\n"

    assert [
        "heading HIRE AGREEMENT",
        "list",
        "item #1 <1. Term.> 1. Term. It begins on 1 May.",
        "item #2 <2. Rent.> 2. Rent. It is 40 euros.",
        "heading SCHEDULE",
        "paragraph Keys are at the desk.",
    ] == shape(text)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("# Bees", 1),
        ("Bees\n====\n\nThey fly.", 1),
        ("They fly.\n\nBees\n----\nThey hum.", 2),
        ("They fly.\n\nPART 2 - HONEY\nIt is sweet.", 2),
        ("They fly.\n\nArticle 3 – Honey\nIt is sweet.", 2),
        ("They fly.\n\n2.1 Honey\nIt is sweet and heavy, and keeps for years.", 3),
        ("They fly.\n\n蜂蜜\n\n它很甜。", 3),
    ],
)
def test_headings(text: str, level: int) -> None:
    found = [block.level for block in recognised(text, markdown=text.startswith("#")) if block.kind == "heading"]

    assert [level] == found


@pytest.mark.parametrize(
    "text",
    [
        "They fly.\n\nThey hum.\n\nThey dance.",  # sentences
        "They fly.\n\nSee you soon,\nAda",
        "12 May was warm, and in\n1990. That year it snowed.",  # a year at the start of a line
        "a line of a poem\n\nanother line of it\n\nand a third",
    ],
)
def test_what_is_no_heading(text: str) -> None:
    assert "heading" not in [block.kind for block in recognised(text, markdown=False)]


def test_a_list_has_its_lead_in_and_nested_items() -> None:
    text = "Bring the following:\n\n1. a tent\n   (a) with pegs\n   (b) with a\n       hammer\n2. a lamp\n\nNo dogs."

    assert [
        "list",
        "lead-in Bring the following:",
        "item #1 1. a tent",
        "item #(a) (a) with pegs",
        "item #(b) (b) with a/       hammer",
        "item #2 2. a lamp",
        "paragraph No dogs.",
    ] == shape(text)
    assert [1, 2, 2, 1] == [block.level for block in recognised(text, markdown=False) if block.kind == "item"]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Line | Made | Back\nChairs | 131 | 6\nTables | 47 | 2", 1),
        ("| Line | Made |\n|---|---|\n| Chairs | 131 |", 1),
        ("Code     Name       5 l\nHC-200   Matt       71.50\nHC-240   Gloss      74.00", 1),
        ("            2.4 GHz    5 GHz\nStreams     2          4\nPower       20 dBm     27 dBm", 1),
        ("A1  Colm    accept a quote     by 16 May\nA2  Petra   book the lift      by 12 May", 0),
        ("Region | 2023\nRegion | H1 | H2\nRegion: North | 2023 H1: 1 | 2023 H2: 2", 2),
        ("Name\tAge\tTown\nAda\t36\tLondon\nBo\t41\tBergen", 1),
    ],
)
def test_tables(text: str, header: int) -> None:
    text = f"The figures are these.\n\n{text}"
    _, table = recognised(text, markdown="|-" in text)

    assert Block("table", len(text) - len(text[24:].lstrip()), len(text), level=header) == table


def test_labelled_lines() -> None:
    """With a colon, a gap or dots; a long value after a single label is a paragraph."""
    text = (
        "Customer: Fenwick Dairy\nDue: 12 May\n\nFood bank ........ 5,000\nSilver band ...... 1,200\n\n"
        "Premises   Flat 14\nExcess     100"
    )

    assert [
        "pair <Customer:> Customer: Fenwick Dairy",
        "pair <Due:> Due: 12 May",
        "pair <Food bank> Food bank ........ 5,000",
        "pair <Silver band> Silver band ...... 1,200",
        "pair <Premises> Premises   Flat 14",
        "pair <Excess> Excess     100",
    ] == shape(text)
    assert ["paragraph"] == [
        b.kind for b in recognised("April: it rained. The shed stood still. So did we.", markdown=False)
    ]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Q: Can it be washed?\nA: No, never.", False),
        ("**Can it be washed?**\n\nNo, never.", True),
        ("**Can it be washed?**\nNo, never.", True),
        ("## Can it be washed?\n\nNo, never.", True),
        ("Frage: Kann man es waschen?\nAntwort: Nein, nie.", False),
        ("问：可以清洗吗？\n答：不可以。", False),
        ("**Q：洗えますか？**\n\nA：いいえ、洗えません。", True),
        ("1. **Can it be washed?**\n   No, never.\n\n2. **Can it be dyed?**\n   Yes.", True),
        ("Μπορεί να πλυθεί;\n\nΌχι, ποτέ.\n", False),
    ],
)
def test_questions_and_answers(text: str, markdown: bool) -> None:
    kinds = [block.kind for block in recognised(text, markdown=markdown)]
    if markdown or ":" in text or "：" in text:
        assert ["exchange", "question", "answer"] == kinds[:3]
        assert kinds.count("question") == kinds.count("answer") == len(re.findall("[?？]", text))
    else:  # a question of its own may be any sentence
        assert ["heading"] != kinds


def test_transcripts_chats_and_logs() -> None:
    assert ["entry <[12.03.24, 09:14:02] Mum:> [12.03.24, 09:14:02] Mum: It lands at 16:40"] == shape(
        "[12.03.24, 09:14:02] Mum: It lands at 16:40"
    )
    assert ["entry <2024-05-01 13:01:00> 2024-05-01 13:01:00 ERROR disk is full"] == shape(
        "2024-05-01 13:01:00 ERROR disk is full"
    )
    said = "ADA BERG: Good morning.\n\nOLE VIK: Hello. Shall we?\n\nADA BERG: Yes.\n\nOLE VIK: Then we begin."
    assert ["entry"] * 4 == [block.kind for block in recognised(said, markdown=False)]


def test_messages_signatures_and_quotations() -> None:
    text = (
        "From: Ada Berg\nDate: 5 June 2025\nSubject: Roof\n\nHello Ole,\n\nit costs 40 euros.\n\nAda\n\n"
        "On 4 June 2025 Ole Vik wrote:\n> What does it cost?\n\n"
        "Von: Ole Vik\nGesendet: 4. Juni\n\nWas kostet es?\n"
    )

    assert [
        "message",
        "pair <From:> From: Ada Berg",
        "pair <Date:> Date: 5 June 2025",
        "pair <Subject:> Subject: Roof",
        "paragraph Hello Ole,",
        "paragraph it costs 40 euros.",
        "signature Ada",
        "quotation On 4 June 2025 Ole Vik wrote:/> What does it cost?",
        "message",
        "pair <Von:> Von: Ole Vik",
        "pair <Gesendet:> Gesendet: 4. Juni",
        "paragraph Was kostet es?",
    ] == shape(text)


def test_footnotes() -> None:
    """Their mark stands behind a word or a figure above; otherwise, they are items of a list."""
    text = "Lighting (a) | 24,000\nSales¹ | 40\n\n(a) Falls because of new lamps.\n\n¹ Without the shop.\n\n(b) Other."

    assert ["table", "footnote", "footnote", "list", "item"] == [b.kind for b in recognised(text, markdown=False)]


def test_code_and_captions() -> None:
    text = "Table 3: Rainfall\n\n```\nx = 1\n\ny = 2\n```\n\nRun it."

    assert ["caption", "code", "paragraph"] == [block.kind for block in recognised(text, markdown=True)]


_PIECES = st.sampled_from(
    ["word ", "Word. ", "TITLE", "|---|\n", "1. ", "2. ", "(a) ", "- ", "* ", "> ", "| ", "  ", "\t", "\n", "\n\n",
     "From: x\nDate: y\n", "Q: a?\n", "A: b\n", "```\n", "# ", "**b** ", "---\n",
     "...... ", "12:30 ", "¹ ", "é", "问？", "\u2028", ":", "\n   "]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=40).map("".join), st.booleans())
def test_blocks_are_nested_and_cover_every_word(text: str, markdown: bool) -> None:
    """Spans are within the text, without outer white space, in order, and nested; only lines that separate are in none."""
    blocks = list(recognised(text, markdown=markdown))
    ends: list[int] = []
    previous = 0
    for block in blocks:
        assert 0 <= block.start < block.end <= len(text)
        assert text[block.start : block.end] == text[block.start : block.end].strip()
        assert block.label_end == 0 or block.start < block.label_end <= block.end
        assert block.start >= previous
        previous = block.start
        while ends and block.start >= ends[-1]:
            ends.pop()
        assert not ends or block.end <= ends[-1]
        ends.append(block.end)
    covered = {at for block in blocks for at in range(block.start, block.end)}
    for at, character in enumerate(text):
        assert at in covered or not character.isalnum(), (at, text)


def test_rows_of_figures_are_a_table() -> None:
    """A printed page shows the columns, its text does not. Labels may stand between the rows."""
    text = (
        "Sales.\n\nProducts $ 63,355 $ 63,948\n"
        "Services 19,604 (17,486)\nOperating expenses:\nResearch — 5,717\nGrowth 12 % 14 %\n"
        "The society was founded in 1990.\n"
    )
    assert [
        "paragraph Sales.",
        "table Products $ 63,355 $ 63,948/Services 19,604 (17,486)/Operating expenses:/Research — 5,717/Growth 12 % 14 %",
        "paragraph The society was founded in 1990.",
    ] == shape(text)
    assert "table" not in " ".join(shape("It rose from 3 to 4 in 1990.\nIt fell from 4 to 3 in 1991 and 1992.\n"))


def test_contents_without_dots_are_a_table() -> None:
    contents = "Item 1. Bees 3\nItem 2. Honey of the hills 7\nItem 3. Wax 7"
    assert f"table {contents.replace(chr(10), '/')}" in shape(f"Report.\n\n{contents}\n")
    assert "table" not in " ".join(shape("Bees 9\nHoney 3\nWax 1\n"))


def test_numbers_before_wide_gaps_are_no_column() -> None:
    text = (
        "1  Who this covers\n1.1  All employees and agency staff.\n1.2  Sub-contractors are not covered.\n\n"
        "2  Rail\n2.1  Second class.\n"
    )
    assert [
        "heading #1 1  Who this covers", "list", "item #1.1 1.1  All employees and agency staff.",
        "item #1.2 1.2  Sub-contractors are not covered.", "heading #2 2  Rail", "list", "item #2.1 2.1  Second class.",
    ] == shape(text)  # fmt: skip


@pytest.mark.parametrize(
    ("heading", "number"),
    [("Form 10-Q", ""), ("Subchapter 2.1", "2.1"), ("Section 4.2.1: Pay", "4.2.1"), ("Article 3 - Members", "3")],
)
def test_numbers_of_headings(heading: str, number: str) -> None:
    (block, _) = recognised(f"# {heading}\n\nSome text follows here.", markdown=True)

    assert ("heading", number) == (block.kind, block.number)


@pytest.mark.parametrize(("line", "number"), [("(101) Flows", "(101)"), ("(408) 996-1010", None), ("(12) 5", "(12)")])
def test_bracketed_numbers(line: str, number: str | None) -> None:
    """An area code is no item's number."""
    found = mark_of(line)

    assert number == (found.number if found else None)


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("Bees.\n\n§ 1 The loan\n(1) Ten euros.\n(2) Twenty euros.\n", "§ 1 The loan"),
        ("Bees.\n\n3 | NOT COVERED\nDamage by water is not covered.\n", "3 | NOT COVERED"),
        (
            f"Bank raises its rate again, citing fuel\nBy Rosario Paz\n\n{LONG}{LONG}\n",
            "Bank raises its rate again, citing fuel",
        ),
    ],
)
def test_more_headings(text: str, heading: str) -> None:
    assert [heading] == [
        text[block.start : block.end] for block in recognised(text, markdown=False) if block.kind == "heading"
    ][:1]


def test_scripts_without_spaces_have_labels() -> None:
    assert ["pair <客户：> 客户：宁川公司", "pair <型号：> 型号：除湿机"] == shape("客户：宁川公司\n型号：除湿机\n")

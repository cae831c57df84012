"""Dates: found, spelled, and the patterns made from the names of months."""

from __future__ import annotations

import random
import re

import pytest

from rag.answering import extraction, follow_up
from rag.text import dates, sentences
from rag.text.dates import date_spellings, iso_date

# Written out, independently of the module.
MONTH = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|jun(?:e)?|jul(?:y)?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?|sept"
)
DATE = re.compile(
    rf"(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})|(?P<month>{MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})"
    rf"|(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month2>{MONTH})\.?,?\s+(?P<year2>\d{{4}})",
    re.IGNORECASE,
)
DATE_WORDS = re.compile(
    r"\b(1\d{3}|20\d\d)\b|\b(January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|century|decade)\b"
)
WORDS = """January february MARCH Apr. may Jun June. July Aug Sept Sep. September October nov December Dec Monday sunday mon
    1 3rd 11th 31st 99 2nd 1999 2024 20245 2024-03-18 2024-13-40 , . - century decades decade x Marches Octo ber""".split()


def generated(count: int) -> list[str]:
    chooser = random.Random(1)
    return [
        chooser.choice((" ", " ", "", ", ")).join(chooser.choices(WORDS, k=chooser.randint(1, 9))) for _ in range(count)
    ]


@pytest.mark.parametrize(("expected", "pattern"), [(DATE, dates._DATE), (DATE_WORDS, extraction._DATE)])
def test_patterns_match_the_same(expected: re.Pattern[str], pattern: re.Pattern[str]) -> None:
    """Each match of thousands of made-up texts, with its groups."""
    for text in generated(20_000):
        assert [(m.span(), m.groupdict(), m.groups()) for m in expected.finditer(text)] == [
            (m.span(), m.groupdict(), m.groups()) for m in pattern.finditer(text)
        ], text


def test_names_made_from_months() -> None:
    assert tuple("jan feb mar apr may jun jul aug sep oct nov dec".split()) == dates.MONTH_ABBREVIATIONS
    assert follow_up._CALENDAR == frozenset(
        """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
        september october november december""".split()
    )
    assert set("jan feb mar apr jun jul aug sep sept oct nov dec mon tue sat".split()) <= sentences._ABBREVIATIONS
    assert "may" not in sentences._ABBREVIATIONS  # it ends sentences: "You may."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thursday, 3 Feb. 2022", "2022-02-03"),
        ("on SEPT. 9th, 1999 and 2001-01-01", "1999-09-09"),
        ("2024-02-30", ""),
        ("99 May 2020", ""),
        ("in May", ""),
        ("May 7 2020", "2020-05-07"),
        ("31 December, 1999", "1999-12-31"),
    ],
)
def test_the_first_date_is_found(text: str, expected: str) -> None:
    assert expected == iso_date(text)


def test_a_date_is_spelled_in_every_common_way() -> None:
    short = ["March 8, 2024", "8 March 2024", "Mar 8, 2024", "8 Mar 2024", "Mar. 8, 2024", "8.03.2024", "8/03/2024"]
    padded = ["March 08, 2024", "08 March 2024", "Mar 08, 2024", "08 Mar 2024", "Mar. 08, 2024", "08.03.2024", "08/03/2024"]

    assert ["2024-03-08", *short, *padded] == date_spellings("2024-03-08")
    assert ["Ada Holm"] == date_spellings("Ada Holm")
    assert {"2024-05-18"} == {iso_date(spelling) for spelling in date_spellings("2024-05-18")[:6]}

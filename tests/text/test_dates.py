"""Dates: found, spelled, and the sets made from the names of months."""

from __future__ import annotations

import pytest

from rag.answering import follow_up
from rag.text import dates, sentences
from rag.text.dates import date_spellings
from rag.text.written_dates import first_date


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
        ("2024-02-30, then 5. Mai 2024", "2024-05-05"),
        ("2024-05-12T10:00:00Z", "2024-05-12"),
        ("99 May 2020", ""),
        ("in May", ""),
        ("May 7 2020", "2020-05-07"),
        ("31 December, 1999", "1999-12-31"),
    ],
)
def test_the_first_date_is_found(text: str, expected: str) -> None:
    assert expected == first_date(text)


def test_a_date_is_spelled_in_every_common_way() -> None:
    short = ["March 8, 2024", "8 March 2024", "Mar 8, 2024", "8 Mar 2024", "Mar. 8, 2024", "8.03.2024", "8/03/2024"]
    padded = ["March 08, 2024", "08 March 2024", "Mar 08, 2024", "08 Mar 2024", "Mar. 08, 2024", "08.03.2024", "08/03/2024"]

    assert ["2024-03-08", *short, *padded] == date_spellings("2024-03-08")
    assert ["Ada Holm"] == date_spellings("Ada Holm")
    assert {"2024-05-18"} == {first_date(spelling) for spelling in date_spellings("2024-05-18")[:6]}

"""Dates as people write them, in many languages."""

from __future__ import annotations

import pytest
from babel import Locale

from rag.text.written_dates import _MONTHS, written_dates

LANGUAGES = "en de fr es it pt nl sv da nb fi pl cs sk hu ro tr ru uk el bg hr sl et lv lt id".split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("made on 22 June 2020 between", ["2020-06-22"]),
        ("June 22nd, 2020 and Oct. 2022", ["2020-06-22", "2022-10"]),
        ("Lund, den 3. Mai 2024", ["2024-05-03"]),
        ("En Valdearena, a 22 de mayo de 2023", ["2023-05-22"]),
        ("édition du samedi 15 février 2025, 1er mai 2021", ["2025-02-15", "2021-05-01"]),
        ("5 мая 2024 г.; 10. října 2023", ["2024-05-05", "2023-10-10"]),
        ("发布日期：2025 年 3 月 18 日", ["2025-03-18"]),
        ("2024년 6월", ["2024-06"]),
        ("12.04.2024 2024/04/13 2024-04-14", ["2024-04-12", "2024-04-13", "2024-04-14"]),
        ("3/4/2024", []),  # March or April
        ("13/4/2024 and 4/13/2024 and 5/5/2024", ["2024-04-13", "2024-04-13", "2024-05-05"]),
        ("version 3.2.1 2024, Regulation 2016/679, in the year 2024, 99 May 2020, 2024-13-40, CL-2025-07", []),
        ("31 February 2024, 00.05.2024, 2024-05-00", []),
    ],
)
def test_written_dates(text: str, expected: list[str]) -> None:
    assert expected == [value for _, _, value in written_dates(text)]


def test_spans_are_those_of_the_dates() -> None:
    text = "Signed on 3 March 2023, valid from 1.4.2023."
    assert ["3 March 2023", "1.4.2023"] == [text[start:end] for start, end, _ in written_dates(text)]


def test_the_months_are_those_of_the_cldr() -> None:
    """All names of at least three letters are known, apart from those that are different months in two languages."""
    numbers: dict[str, set[int]] = {"sept": {9}}
    for language in LANGUAGES:
        months = Locale.parse(language).months
        for form in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in months[form][width].items():
                    numbers.setdefault(name.casefold().rstrip("."), set()).add(number)
    assert {
        name: found.pop() for name, found in numbers.items() if len(found) == 1 and len(name) > 2 and " " not in name
    } == {name: number for name, number in _MONTHS.items() if " " not in name}

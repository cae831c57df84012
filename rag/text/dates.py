"""Finds the first date in a text, lists the common spellings of a date, and defines month and weekday names."""

from __future__ import annotations

import re
from datetime import date

MONTHS = tuple("January February March April May June July August September October November December".split())
WEEKDAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
MONTH_ABBREVIATIONS = tuple(month[:3].lower() for month in MONTHS)  # jan, feb, …; "may" is also the full name
# Matches a month's full or abbreviated name in lower case; contains no capturing group.
MONTH_PATTERN = (
    "|".join(f"{month[:3]}(?:{month[3:]})?" if month[3:] else month for month in map(str.lower, MONTHS)) + "|sept"
)
_DATE = re.compile(
    rf"(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})"
    rf"|(?P<month>{MONTH_PATTERN})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})"
    rf"|(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month2>{MONTH_PATTERN})\.?,?\s+(?P<year2>\d{{4}})",
    re.IGNORECASE,
)


def iso_date(text: str) -> str:
    """Returns the first date in a text, in ISO 8601 format; empty if there is no date or the first one is not valid.

    Example:
        >>> iso_date("Thursday, 3 Feb. 2022"), iso_date("99 May 2020")
        ('2022-02-03', '')
    """
    match = _DATE.search(text)
    if not match:
        return ""
    try:
        if match["iso"]:
            return date.fromisoformat(match["iso"]).isoformat()
        month = MONTH_ABBREVIATIONS.index((match["month"] or match["month2"]).casefold()[:3]) + 1
        return date(int(match["year"] or match["year2"]), month, int(match["day"] or match["day2"])).isoformat()
    except ValueError:
        return ""


def date_spellings(value: str) -> list[str]:
    """Returns the common spellings of an ISO 8601 date, starting with the ISO date itself.

    For any other text, returns only the text.

    Example:
        >>> date_spellings("2024-03-18")[:3]
        ['2024-03-18', 'March 18, 2024', '18 March 2024']
    """
    parts = value.split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return [value]
    year, month, day = parts
    name = MONTHS[int(month) - 1] if 1 <= int(month) <= 12 else month
    spellings = [value]
    for d in dict.fromkeys((str(int(day)), day)):
        for month_name in (name, name[:3]):
            spellings += [f"{month_name} {d}, {year}", f"{d} {month_name} {year}"]
        spellings += [f"{name[:3]}. {d}, {year}", f"{d}.{month}.{year}", f"{d}/{month}/{year}"]
    return spellings

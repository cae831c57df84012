"""Lists the common spellings of a date, and defines month and weekday names."""

from __future__ import annotations

MONTHS = tuple("January February March April May June July August September October November December".split())
WEEKDAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
MONTH_ABBREVIATIONS = tuple(month[:3].lower() for month in MONTHS)  # jan, feb, …; "may" is also the full name


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

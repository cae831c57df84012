"""Numbers as spreadsheet applications show them."""

from __future__ import annotations

import pytest

from rag.sources.decoding.number_formats import shown


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (0.125, "0%", "13%"),
        (0.125, "0.0%", "12.5%"),
        (1.005, "0.00", "1.01"),  # as written, not as the binary number is rounded
        (1234.5, '#,##0.00\\ "€"', "1,234.50 €"),
        (1234567, "#,##0", "1,234,567"),
        (-1234.5, "#,##0.00;(#,##0.00)", "(1,234.50)"),
        (-7, "0.0", "-7.0"),
        (0, '#,##0;-#,##0;"none"', "none"),
        (99, "[$£-809]#,##0.00", "£99.00"),
        (99, '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', "99.00"),
        (0, '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', "-"),
        (5, "[Red]000", "005"),
        (0.5, "#.##", ".5"),
        (2.5, '0.0## "km"', "2.5 km"),
        (5_250_000, '0.0,,"m"', "5.3m"),
        (12, "General", ""),
        (12, "@", ""),
        (45000, "yyyy-mm-dd", ""),
        (12, "# ?/?", ""),
        (12, "0.00E+00", ""),
        (12, '"unclosed', ""),
        (12, "[>100]0;0.0", ""),
        (12, "", ""),
        (1e300, "0", ""),
        (float("nan"), "0", ""),
        (float("inf"), "0.0", ""),
        (1, "0." + "0" * 200, "1." + "0" * 30),
        (3, '"a";"b"', "a"),
        (1e14, "0" + "%" * 25, ""),
        (7, "0" * 100_000, ""),
    ],
)
def test_shown(value: float, code: str, text: str) -> None:
    assert text == shown(value, code)[0]


@pytest.mark.parametrize(
    ("value", "code", "exact"),
    [
        (0.12543, "0.0%", "12.543"),
        (0.125, "0.0%", ""),
        (-1234.567, "#,##0;(#,##0)", "-1234.567"),
        (5_040_000, '0.0,,"m"', "5.04"),
        (0.1 + 0.2, "0.00", ""),
        (1 / 3, "0", "0.333333333333333"),
        (0.4, '"none"', ""),
    ],
)
def test_exact_number_if_rounded(value: float, code: str, exact: str) -> None:
    assert exact == shown(value, code)[1]

"""Versions of a document, and documents that only look alike."""

from __future__ import annotations

import pytest

from rag.records import Document
from rag.sources.parsers import parse
from rag.text.likeness import are_versions

POLICY = """# Travel policy, version {version}

In force from 1 April {year}. Owner is the finance team of Halvorsen Pike.

## Hotels

A night may cost {price} euros. Breakfast is paid by the traveller. {more}

## Trains

Book the first class for trips of more than two hours.
"""
LEASE = """LEASE AGREEMENT

This lease is made between Hollow Oak Properties and {tenant} for flat {flat}.

1. Term. The lease begins on 1 May {year} and ends two years later.
2. Rent. The monthly rent is EUR {rent}, payable on the first working day of each month.
3. Pets. Pets are not allowed.
4. Notice. Either party may end the lease with a notice of three months.
"""


def read(text: str, name: str = "a.md") -> Document:
    return parse(text.encode(), name).documents[0]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (
            POLICY.format(version=5, year=2023, price=110, more=""),
            POLICY.format(version=6, year=2024, price=130, more="Ask Tobias Renfrew before you book a suite."),
            True,
        ),
        (
            LEASE.format(tenant="Bruno Katz", flat="2B", year=2023, rent="1,040"),
            LEASE.format(tenant="Alma Verdi", flat="3C", year=2022, rent="980"),
            False,
        ),
        (
            LEASE.format(tenant="Bruno Katz", flat="2B", year=2023, rent="1,040"),
            LEASE.format(tenant="Bruno Katz", flat="2B", year=2025, rent="1,090"),
            True,
        ),
        (
            POLICY.format(version=5, year=2023, price=110, more=""),
            LEASE.format(tenant="A B", flat="1", year=2023, rent="9"),
            False,
        ),
        ("Short.", "Short.", False),
        ("", "", False),
    ],
)
def test_versions(a: str, b: str, expected: bool) -> None:
    assert expected == are_versions(*(read(text) if text else Document("", "T") for text in (a, b)))
    assert expected == are_versions(*(read(text) if text else Document("", "T") for text in (b, a)))


def test_models_of_one_product_are_no_versions() -> None:
    sheet = "# Aero {n} drone\n\nThe Aero {n} is a quadcopter. It weighs {n} grams. It flies for {n} minutes. It is red."
    assert not are_versions(read(sheet.format(n=300)), read(sheet.format(n=500)))

"""What the top of a document says about it."""

from __future__ import annotations

import pytest

from rag.sources.parsers import parse
from rag.text.blocks import recognised
from rag.text.head import Head, head_of

LEASE = """LEASE AGREEMENT

This lease is made between Hollow Oak Properties and Bruno Katz (the “Tenant”) for flat 2B, 12 Mill Lane. The lease of the
Tenant is an agreement.

1. Term. The lease begins on 1 May 2023 and ends on 30 April 2025.
"""
POLICY = """HALVORSEN PIKE ENGINEERING
Travel and expenses policy – version 6.0
In force from 1 April 2024. Replaces version 5.0 (2023).
Owner: Tobias Renfrew
"""
INVOICE = """INVOICE

Invoice number: 2024-0117
Customer: Fenwick Dairy
Date: 12 April 2024

Item: Cold-room service
Total: EUR 1,440.00

Thank you. This invoice is due in thirty days.
"""
NOTICE = "澄露电器有限公司公告\n\n发布日期：2025 年 3 月 18 日\n型号：除湿机\n客户：宁川公司\n"


def head(text: str, title: str = "") -> Head:
    return head_of(text, list(recognised(text, markdown=text.startswith("#"))), title)


@pytest.mark.parametrize(
    ("text", "title", "names", "version", "date"),
    [
        (LEASE, "", ("Hollow Oak Properties", "Bruno Katz", "Mill Lane"), "", "2023-05-01"),
        (POLICY, "", ("HALVORSEN PIKE ENGINEERING", "Tobias Renfrew"), "6.0", "2024-04-01"),
        (INVOICE, "", ("Fenwick Dairy",), "", "2024-04-12"),
        ("# Aero 300 drone\n\nThe drone weighs 1.9 kg.\n", "Aero 300 drone", ("Aero 300",), "", ""),
        ("The plan was approved. It rained on Monday.", "", (), "", ""),
        ("Manual\n\nRev. G, October 2023\n", "", (), "G", "2023-10"),
        ("Handbook\n\n2nd edition, printed June 2021\n", "", (), "2", "2021-06"),
        ("Patient: Ada Lund\nBorn: 3 May 1960\nAdmitted: 12 April 2024\n", "", ("Ada Lund",), "", "2024-04-12"),
        ("Founded on 3 May 1960.\n\n14 May 2024\n", "", (), "", "2024-05-14"),
        ("© 3 May 2024 Coinharbour\n", "", (), "", ""),
        ("In 2024 100 % of 5.0 % and v.", "", (), "", ""),
        ("This policy explains when we issue a refund. They release 3 products. Smith v B (1999).", "", (), "", ""),
        ("Handbook, issue 4\n\nIt is long.", "", (), "4", ""),
    ],
)
def test_heads(text: str, title: str, names: tuple[str, ...], version: str, date: str) -> None:
    assert Head(names, version, date) == head(text, title)


def test_scripts_without_capitals_have_labelled_names() -> None:
    assert ("2025-03-18", {"除湿机", "宁川公司"}) == (head(NOTICE).date, set(head(NOTICE).names))


def test_a_long_head_is_bounded() -> None:
    many = "\n".join(f"Customer: Anna Berg{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(500))
    assert 8 == len(head(many).names)
    assert () == head("Name: " + "A" * 100_000).names


def test_parsed_documents_have_names_versions_and_dates() -> None:
    """The date of an article or a mail stays what its own header says."""
    policy = parse(POLICY.encode(), "policy.txt").documents[0]
    assert ("2024-04-01", "6.0") == (policy.date, policy.metadata["version"])
    assert "HALVORSEN PIKE ENGINEERING; Tobias Renfrew" == policy.metadata["names"]

    mail = b"From: Ada <ada@example.org>\nDate: Mon, 3 Feb 2025 10:00:00 +0000\nSubject: Plan\n\nMade on 1 May 2020.\n"
    assert "2025-02-03" == parse(mail, "a.eml").documents[0].date

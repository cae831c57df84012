"""Formats a run's gates as JUnit XML, which CI systems display as test results."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from rag.evaluation.comparison import GateResult
from rag.evaluation.records import RunJSON


def run_junit(run: RunJSON, gates: Sequence[GateResult] = ()) -> str:
    """Returns JUnit XML with a test case for each gate, and a failed test case for each error in the test set."""
    set_name = run["set"]["name"]
    cases = [_test_case(set_name, gate.words, None if gate.passed else gate.detail) for gate in gates]
    cases += [_test_case(set_name, "error in the test set", defect) for defect in run["defects"]]
    failures = sum(not gate.passed for gate in gates) + len(run["defects"])
    suite = f'<testsuite name="rag eval" tests="{len(cases)}" failures="{failures}" time="{run["seconds"]}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', suite, *cases, "</testsuite>"]) + "\n"


def _test_case(set_name: str, name: str, failure: str | None) -> str:
    failed = f"<failure message={_attribute(failure)}/>" if failure is not None else ""
    return f"  <testcase classname={_attribute(set_name)} name={_attribute(name)}>{failed}</testcase>"


def _attribute(text: str) -> str:
    """Quotes a text as an attribute value, and replaces characters that XML does not allow."""
    return quoteattr("".join(character if _is_xml(character) else "\ufffd" for character in text))


def _is_xml(character: str) -> bool:
    """Returns whether XML allows the character. Source: XML 1.0, production 2 (Char)."""
    is_basic = " " <= character <= "\ud7ff" or "\ue000" <= character <= "\ufffd"
    return character in "\t\n\r" or is_basic or character > "\uffff"

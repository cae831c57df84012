"""Writes the gates of a run as JUnit XML, which CI systems display as tests."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from rag.evaluation.comparison import GateResult
from rag.evaluation.records import RunJSON


def run_junit(run: RunJSON, gates: Sequence[GateResult] = ()) -> str:
    """Returns one test case for each gate, and one failed test case for each defect of the test set."""
    set_name = run["set"]["name"]
    cases = [_test_case(set_name, gate.words, None if gate.passed else gate.detail) for gate in gates]
    cases += [_test_case(set_name, "defect of the set", defect) for defect in run["defects"]]
    failures = sum(not gate.passed for gate in gates) + len(run["defects"])
    suite = f'<testsuite name="rag eval" tests="{len(cases)}" failures="{failures}" time="{run["seconds"]}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', suite, *cases, "</testsuite>"]) + "\n"


def _test_case(set_name: str, name: str, failure: str | None) -> str:
    failed = f"<failure message={_attribute(failure)}/>" if failure is not None else ""
    return f"  <testcase classname={_attribute(set_name)} name={_attribute(name)}>{failed}</testcase>"


def _attribute(text: str) -> str:
    """Quotes an attribute value; characters that XML does not allow are replaced."""
    return quoteattr("".join(character if _is_xml(character) else "\ufffd" for character in text))


def _is_xml(character: str) -> bool:
    """Source: XML 1.0, production 2 (Char)."""
    is_basic = " " <= character <= "\ud7ff" or "\ue000" <= character <= "\ufffd"
    return character in "\t\n\r" or is_basic or character > "\uffff"

"""JUnit XML for CI."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from rag.evaluation.comparison import GateResult
from rag.evaluation.records import RunJSON
from rag.evaluation.reports.junit_report import run_junit


def test_untrusted_text_is_valid_xml(hostile_run: RunJSON, gates: list[GateResult]) -> None:
    """One test case for the gate, one for the defect; characters that XML does not allow are replaced."""
    hostile_run["defects"].append("\x00\ud800")
    suite = ElementTree.fromstring(run_junit(hostile_run, gates))

    assert ("testsuite", str(len(gates) + 2)) == (suite.tag, suite.get("tests"))
    messages = [failure.get("message") for failure in suite.iter("failure")]
    assert "\ufffd\ufffd" == messages[-1]


def test_failures(run: RunJSON) -> None:
    """A failed gate is a failed test case with the measured value; a passed one has no failure."""
    gates = [GateResult("right>=0.5", True, "1"), GateResult("right<=0.5", False, "1 (0.9 to 1)")]
    suite = ElementTree.fromstring(run_junit(run, gates))

    assert ("2", "1") == (suite.get("tests"), suite.get("failures"))
    passed, failed = suite
    assert ("right>=0.5", 0) == (passed.get("name"), len(passed))
    assert ("right<=0.5", "1 (0.9 to 1)") == (failed.get("name"), failed[0].get("message"))

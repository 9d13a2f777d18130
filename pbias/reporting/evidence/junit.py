"""Verdicts of gates as a JUnit report, which continuous integration systems display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from pbias.files.escaping import printable

SUITE = "pbias gates"


def render_junit(records: Sequence[Mapping[str, Any]]) -> str:
    """Write one test case for each gate.

    `records` are the verdicts of an audit as plain data. A failed gate is a failure. An
    inconclusive gate is an error, because the test ran without a result.
    """
    verdicts = [str(record["verdict"]) for record in records]
    counts = {
        "name": SUITE,
        "tests": str(len(records)),
        "failures": str(verdicts.count("fail")),
        "errors": str(verdicts.count("inconclusive")),
    }
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {**counts, "skipped": "0"})
    for record, verdict in zip(records, verdicts, strict=True):
        note = printable(f"{record['covers']}: {record['note']}")
        name = printable(str(record["gate"]))
        case = ElementTree.SubElement(suite, "testcase", {"classname": SUITE, "name": name})
        if verdict == "pass":
            ElementTree.SubElement(case, "system-out").text = note
        else:
            tag = "failure" if verdict == "fail" else "error"
            ElementTree.SubElement(case, tag, {"type": verdict, "message": note}).text = note
    ElementTree.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suites, "unicode")}\n'

"""The report as JUnit: a test for each theorem and prover, and what the other layers count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from verification._report import Case
from verification._results import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from verification._report import Report
    from verification._results import Outcome

NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return the report as XML."""
    whole = ET.Element("testsuites", name="verification")
    theorems = [(outcome.theorem.id, case) for outcome in report.outcomes for case in cases(outcome)]
    _suite(whole, "theorems", theorems)
    if report.uncovered:
        message = "no theorem covers this public function"
        _suite(whole, "public functions", [("xent_arrayapi", Case(name, 0, message)) for name in report.uncovered])
    for part in report.parts:
        _suite(whole, part.id, [(part.id, case) for case in part.cases])
    ET.indent(whole)
    return ET.tostring(whole, encoding="unicode", xml_declaration=True) + "\n"


def cases(outcome: Outcome) -> Iterator[Case]:
    """Yield a case for each prover, and for each hypothesis that was dropped."""
    for check in outcome.checks:
        failure = "" if check.verdict is Verdict.PROVED else f"{check.verdict}: {check.detail}"
        yield Case(check.prover, check.seconds, failure)
    for hypothesis, check in outcome.dropped.items():
        idle = "the hypothesis is idle: without it, all is proved" if hypothesis in outcome.idle else ""
        yield Case(f"breaks without {hypothesis}", check.seconds, idle)


def _suite(whole: ET.Element, name: str, cases: Sequence[tuple[str, Case]]) -> None:
    failed = sum(bool(case.failure) for _, case in cases)
    seconds = sum(case.seconds for _, case in cases)
    numbers = {"tests": str(len(cases)), "failures": str(failed), "time": f"{seconds:.3f}"}
    suite = ET.SubElement(whole, "testsuite", {"name": name, **numbers})
    for group, case in cases:
        named = {"classname": _clean(group), "name": _clean(case.name), "time": f"{case.seconds:.3f}"}
        test = ET.SubElement(suite, "testcase", named)
        if case.failure:
            failure = ET.SubElement(test, "failure", message=_clean(case.failure.partition("\n")[0]))
            failure.text = _clean(case.failure)


def _clean(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return NO_XML.sub("", text)

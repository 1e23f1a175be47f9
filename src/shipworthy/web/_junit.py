"""JUnit XML: one test case a gate and a slice, red exactly when the verdict is not promote.

A gate that fails is a `<failure>`. One that is inconclusive is an `<error>`, because a release that nobody could show
to be safe must not look green; under a verdict of promote (a small slice, a soft gate) it is `<skipped>` instead.
See docs/decisions/0070.
"""

from xml.etree import ElementTree

from shipworthy.records import Finding, Verdict
from shipworthy.web._format import VERDICT_WORDS, printable
from shipworthy.web._page import Page, answer_of
from shipworthy.web._rows import row

_CLASS = "shipworthy"


def junit(page: Page) -> str:
    """The page as JUnit XML; its first case is the verdict itself."""
    promoted = page.verdict.verdict == "promote"
    cases = [
        _verdict_case(page),
        *(_case(f, promoted=promoted) for f in page.verdict.metrics if f.level != "monitored"),
    ]
    named = {"name": printable(page.title), **_counts(cases)}
    suites = ElementTree.Element("testsuites", named)
    suite = ElementTree.SubElement(suites, "testsuite", {**named, "time": "0"})
    if page.created:
        suite.set("timestamp", page.created.removesuffix("Z").split("+")[0].split(".")[0])
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(page):
        ElementTree.SubElement(properties, "property", name=name, value=printable(value))
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = printable(_summary(page.verdict))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _verdict_case(page: Page) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=_CLASS, name="verdict", time="0")
    reasons = "\n".join(page.verdict.reasons)
    if page.verdict.verdict == "block":
        _say(case, "failure", "block", answer_of(page), reasons)
    elif page.verdict.verdict != "promote":
        _say(case, "error", page.verdict.verdict, answer_of(page), reasons)
    return case


def _case(finding: Finding, *, promoted: bool) -> ElementTree.Element:
    shown = row(finding)
    name = f"{finding.gate} [{shown.slice}]" if finding.slice else finding.gate
    case = ElementTree.Element("testcase", classname=f"{_CLASS}.{finding.level}", name=printable(name), time="0")
    details = f"{shown.about}: {shown.rule}\ncandidate {shown.candidate}\nbaseline {shown.baseline}\n"
    details += f"gain {shown.gain}\nn {shown.n} {shown.clusters}".rstrip()
    message = finding.because
    if finding.outcome != "pass" and promoted:
        _say(case, "skipped", finding.outcome, message, "")
    elif finding.outcome == "fail":
        _say(case, "failure", f"{finding.level} gate", message, details)
    elif finding.outcome == "inconclusive":
        _say(case, "error", "inconclusive", message, details)
    else:
        ElementTree.SubElement(case, "system-out").text = printable(f"{finding.because}\n{details}")
    return case


def _say(case: ElementTree.Element, tag: str, kind: str, message: str, details: str) -> None:
    attributes = {"message": printable(message)} | ({} if tag == "skipped" else {"type": kind})
    ElementTree.SubElement(case, tag, attributes).text = printable(details) or None


def _counts(cases: list[ElementTree.Element]) -> dict[str, str]:
    found = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    plural = {"failure": "failures", "error": "errors", "skipped": "skipped"}
    return {"tests": str(len(cases)), **{plural[tag]: str(n) for tag, n in found.items()}}


def _properties(page: Page) -> list[tuple[str, str]]:
    given = {"verdict": page.verdict.verdict, "run": page.run_id, "candidate": page.candidate}
    return [(name, value) for name, value in given.items() if value]


def _summary(verdict: Verdict) -> str:
    lines = [VERDICT_WORDS[verdict.verdict].upper(), *verdict.reasons]
    return "\n".join([*lines, *(f"warning {w.code}: {w.message}" for w in verdict.warnings)])

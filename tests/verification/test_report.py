"""What a report says, in each format, and what of it is a failure."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from tests.verification import samples
from verification._report import Case, Part, by_subject
from verification._report_html import html
from verification._report_json import certificates, report_json
from verification._report_junit import junit
from verification._report_markdown import markdown
from verification._results import Check, Verdict
from verification._write import FORMATS, write

VOID = {"meta", "br", "img"}
RESIDUAL = "∇A = S: residual S_k - 1 <&>"


class Page(HTMLParser):
    """Reads a page, and refuses elements that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tags, self.shown = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        self.tags.append(tag)
        self.ids += [said["id"]] if "id" in said else []
        self.links += [said["href"]] if "href" in said else []
        assert not {"src", "onclick"} & {*said}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.shown += text


def broken():
    """Return a report with a theorem that is refuted."""
    good = samples.report()
    return replace(good, outcomes=(samples.failed(samples.THEOREM, detail=RESIDUAL), *good.outcomes[1:]))


def test_the_page_is_well_formed_and_needs_nothing_else():
    page = Page(html(samples.report()))
    assert not {"script", "link", "iframe", "img"} & {*page.tags}
    assert len(page.ids) == len({*page.ids})
    assert {link.removeprefix("#") for link in page.links} <= {*page.ids}
    assert {*samples.THEOREMS} <= {*page.ids}


def test_the_page_typesets_every_formula():
    page = html(samples.report())
    assert "<math" in page
    assert "$" not in Page(page).shown.replace("$ python", "")
    assert r"\frac" not in page


def test_the_page_shows_what_was_proved_and_by_whom():
    shown = Page(html(samples.report())).shown
    for said in ("Everything is proved.", "SymPy, every K", "python-flint, K = 3", "certificates, z3", "4 of 4 proved"):
        assert said in shown
    assert "seeds/003, equation 3" in shown
    assert "refuses 12 mutants" in shown
    assert "(1 − Σp) S" in shown  # what is left over without the hypothesis


@pytest.mark.parametrize("render", [html, markdown, report_json, junit])
def test_every_format_shows_the_residual(render):
    said = render(broken()).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert RESIDUAL in said


def test_a_failure_is_seen_at_a_glance():
    page = Page(html(broken()))
    assert "Not proved: 1 failure." in page.shown
    assert "Everything is proved." not in page.shown
    assert "3 of 4 proved" in page.shown


def test_a_formula_that_cannot_be_typeset_is_shown_as_it_was_written():
    theorem = replace(samples.THEOREM, statement=r"\undefined{x}")
    good = samples.report()
    changed = (replace(good.outcomes[0], theorem=theorem), *good.outcomes[1:])
    assert r"\undefined{x}" in Page(html(replace(good, outcomes=changed))).shown


def test_json_is_canonical_and_complete():
    text = report_json(samples.report())
    read = json.loads(text)
    assert text == report_json(samples.report())
    assert text == json.dumps(read, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
    assert read["proved"] is True
    assert [theorem["id"] for theorem in read["theorems"]] == [*samples.THEOREMS]
    theorem = read["theorems"][1]
    assert theorem["hypotheses"][r"$\sum_k p_k = 1$"]["breaks"] is True
    assert len(theorem["covers"]["softmax_cross_entropy"]) == 64
    assert {check["verdict"] for check in theorem["checks"]} == {"proved"}
    assert read["parts"]["mutants"]["data"] == {"killed": 2}


def test_certificates_are_the_lines_whose_hashes_the_report_has():
    report = samples.report()
    lines = certificates(report).splitlines()
    assert len(lines) == 2
    hashes = {
        step["certificate"] for theorem in json.loads(report_json(report))["theorems"] for step in steps_of(theorem)
    }
    assert hashes - {""} == {*report.outcomes[0].certificates}
    assert sorted(report.outcomes[0].certificates.values()) == sorted(lines)


def steps_of(theorem):
    """Return all steps of a theorem."""
    return [step for check in theorem["checks"] for step in check["steps"]]


def test_junit_has_a_case_for_each_theorem_and_prover():
    root = ET.fromstring(junit(broken()))  # noqa: S314  # we wrote it
    cases = {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}
    assert {case[1] for case in cases if case[0] == samples.CROSS.id} == {
        *(f"{prover}, K = {size}" for prover in ("SymPy", "python-flint") for size in (2, 3)),
        *("SymPy, every K", "certificates, z3", r"breaks without $\sum_k p_k = 1$"),
    }
    assert [key for key, case in cases.items() if case.find("failure") is not None] == [
        (samples.THEOREM.id, "SymPy, every K")
    ]
    suites = {suite.get("name"): suite for suite in root}
    assert {*suites} == {"theorems", "mutants"}
    assert suites["theorems"].get("failures") == "1"
    assert suites["mutants"].get("tests") == "2"


def test_junit_leaves_out_what_xml_cannot_hold():
    outcome = samples.failed(samples.THEOREM, detail="a\0b")
    assert "ab" in junit(samples.report(outcomes=(outcome,)))


def test_markdown_has_the_statement_between_dollars_and_tables_of_one_width():
    text = markdown(samples.report())
    assert f"$$\n{samples.THEOREM.statement}\n$$" in text
    assert "1. $\\partial A / \\partial u_i = S_i$" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert tables
    for lines in tables:
        assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1


def test_a_bar_in_a_cell_does_not_end_it():
    part = Part("a", "A", "", "", (samples.Table("", ("x",), ((r"`a | b` and $|u|$",),)),))
    assert r"| `a \| b` and $\vert u\vert $ |" in markdown(samples.report(parts=(part,)))


def test_theorems_are_listed_by_the_sentence_of_their_module():
    ((name, outcomes),) = by_subject(samples.report().outcomes)
    assert name == "Made-up findings, for tests of what is made of them"
    assert len(outcomes) == 4


@pytest.mark.parametrize("verdict", [Verdict.REFUTED, Verdict.UNDECIDED])
def test_what_is_not_proved_is_a_failure(verdict):
    (failure,) = samples.report(outcomes=(samples.failed(samples.THEOREM, verdict, RESIDUAL),)).failures
    assert failure.where == samples.THEOREM.id
    assert verdict in failure.message
    assert RESIDUAL in failure.message


def test_an_idle_hypothesis_is_a_failure():
    outcome = samples.report().outcomes[1]
    idle = replace(outcome, dropped={"a": Check("SymPy", Verdict.PROVED, 0.1)})
    (failure,) = samples.report(outcomes=(idle,)).failures
    assert failure == (samples.CROSS.id, "the hypothesis is idle: without it, all is proved: a")


def test_a_function_that_no_theorem_covers_is_a_failure():
    (failure,) = samples.report(uncovered=("softmax_jvp",)).failures
    assert failure == ("softmax_jvp", "no theorem covers this public function")


def test_a_case_of_another_layer_is_a_failure():
    part = replace(samples.PART, cases=(Case("_rows.back:axis-2", 0, "survived: x.T"),))
    report = samples.report(parts=(part,))
    (failure,) = report.failures
    assert failure == ("Mutants: _rows.back:axis-2", "survived: x.T")
    assert not report.proved
    assert "survived: x.T" in Page(html(report)).shown


def test_a_report_without_theorems_proves_nothing():
    assert not samples.report(outcomes=()).proved


def test_a_theorem_without_checks_is_not_proved():
    outcome = replace(samples.report().outcomes[0], checks=())
    report = samples.report(outcomes=(outcome,))
    assert not report.proved
    assert report.failures == ((samples.THEOREM.id, "no prover was asked"),)
    Page(html(report))


def test_all_formats_are_written(tmp_path):
    assert {path.name for path in write(samples.report(), tmp_path / "new")} == {*FORMATS}
    assert all((tmp_path / "new" / name).read_text("utf-8") for name in FORMATS)

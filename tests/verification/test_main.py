"""The command line: what is run, what is said, and the exit status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verification import samples
from verification import __main__ as command
from verification._report import Case
from verification._results import Check, Verdict

GOOD = samples.report()
IDLE = replace(GOOD.outcomes[0], dropped={"a": Check("SymPy, every K", Verdict.PROVED, 0.1)})
FAILED = replace(samples.PART, cases=(Case("softmax, float32", 0, "softmax | ties | float32 | 8.2 ulp, limit 6"),))
WRONG = {
    "refuted": (samples.report(outcomes=(samples.failed(samples.THEOREM),)), "residual S_k - 1"),
    "undecided": (samples.report(outcomes=(samples.failed(samples.CROSS, Verdict.UNDECIDED),)), samples.CROSS.id),
    "idle": (samples.report(outcomes=(IDLE,)), "the hypothesis is idle"),
    "uncovered": (samples.report(uncovered=("entropy",)), "entropy"),
    "beyond": (samples.report(parts=(FAILED,)), "ties | float32 | 8.2 ulp"),
    "nothing": (samples.report(outcomes=()), "NOT PROVED"),
}


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run the command with a report that is found at once; return the exit status, the plan and what was said."""
    monkeypatch.setattr(command, "THEOREMS", samples.THEOREMS)
    monkeypatch.chdir(tmp_path)
    plans = []

    def call(*arguments, report=GOOD):
        def verify(plan, _show):
            plans.append(plan)
            return report

        monkeypatch.setattr(command, "verify", verify)
        status = command.main(arguments)
        return status, plans[-1] if plans else None, capsys.readouterr().out

    return call


def test_the_status_is_0_where_all_is_proved(run, tmp_path):
    status, plan, said = run()
    assert status == 0
    assert "Everything is proved" in said
    assert (plan.mode, plan.whole, plan.peers, plan.mutants) == ("full", True, True, True)
    assert (tmp_path / "verification-report" / "index.html").exists()


@pytest.mark.parametrize("kind", WRONG)
def test_the_status_is_1_for_whatever_is_wrong(run, kind):
    report, message = WRONG[kind]
    status, _, said = run("--quick", report=report)
    assert status == 1
    assert message in said
    assert "Everything is proved" not in said


def test_quick_leaves_out_mutants_and_peers(run):
    _, plan, _ = run("--quick")
    assert (plan.mode, plan.whole, plan.peers, plan.mutants) == ("quick", True, False, False)
    assert len(plan.theorems) == 4


def test_parts_can_be_left_out(run):
    _, plan, _ = run("--no-mutants", "--no-peers", "--jobs", "3")
    assert (plan.mode, plan.peers, plan.mutants, plan.processes) == ("full", False, False, 3)


def test_only_takes_the_theorems_that_are_named(run, tmp_path):
    _, plan, _ = run("--only", samples.CROSS.id)
    assert plan.theorems == (samples.CROSS,)
    assert not plan.whole
    assert not (tmp_path / "verification-report").exists()
    run("--only", samples.CROSS.id, "--output", "here")
    assert (tmp_path / "here" / "report.md").exists()


def test_an_unknown_id_is_an_error_that_names_similar_ones(run, capsys):
    with pytest.raises(SystemExit) as stop:
        run("--only", "gradient-of-logsumxp")
    assert stop.value.code == 2
    assert "did you mean gradient-of-logsumexp" in capsys.readouterr().err


def test_an_id_like_no_other_is_an_error_too(run, capsys):
    with pytest.raises(SystemExit) as stop:
        run("--only", "zzz")
    assert stop.value.code == 2
    assert "there is no theorem zzz; --list prints all" in capsys.readouterr().err


def test_no_process_is_an_error(run):
    with pytest.raises(SystemExit) as stop:
        run("--jobs", "0")
    assert stop.value.code == 2


def test_the_list_has_ids_titles_functions_and_citations(run):
    status, plan, said = run("--list")
    assert status == 0
    assert plan is None
    for theorem in samples.THEOREMS.values():
        assert f"{theorem.id}\n    {theorem.title}\n    {', '.join(theorem.covers)}" in said
    assert "logsumexp\n    Theorems: gradient-of-logsumexp.\n" in said
    assert "entropy\n    none\n" in said

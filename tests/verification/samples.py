"""Made-up findings, for tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace

from verification._about import About
from verification._prove import Finding, Job, outcome
from verification._report import Case, Part, Report, Table
from verification._results import Check, Step, Theorem, Verdict


def gradient(s):
    """Prove nothing."""


THEOREM = Theorem(
    "gradient-of-logsumexp",
    r"The gradient of logsumexp is softmax",
    r"\frac{\partial A}{\partial u_k} = \frac{e^{u_k}}{\sum_j e^{u_j}} = S_k(u), \qquad A(u) = \log \sum_j e^{u_j}",
    gradient,
    ("`seeds/000`, where it is stated", "`seeds/002`"),
    ("logsumexp", "softmax"),
    (r"$u \in \mathbb{R}^K$ is finite",),
    (),
    (2, 3),
)
CROSS = Theorem(
    "gradient-of-cross-entropy",
    r"The gradient of the cross-entropy is $S - p$",
    r"""\begin{aligned}
h(u) = \ell(p, S(u)) &= -\sum_k p_k \bigl(u_k - A(u)\bigr) \\
&= A(u) - \langle p, u \rangle \qquad \text{as } \sum_k p_k = 1, \\
\nabla h(u) &= S(u) - p
\end{aligned}""",
    gradient,
    ("`seeds/000`, the expansion of $h$", "`seeds/003`, equation 3"),
    ("SoftmaxCrossEntropy", "SoftmaxCrossEntropy.grad", "softmax_cross_entropy"),
    (r"$u$ is finite", r"$p_k > 0$"),
    (r"$\sum_k p_k = 1$",),
)
JACOBIAN = Theorem(
    "jacobian-of-softmax",
    r"The Jacobian of softmax, both cases",
    r"""\frac{\partial S_i}{\partial u_j} = \begin{cases}
\dfrac{C_j \, e^{u_j}}{(C_j + e^{u_j})^2} = S_j (1 - S_j) & i = j \\
-\dfrac{e^{u_i} \, e^{u_j}}{(C_j + e^{u_j})^2} = -S_i S_j & i \ne j
\end{cases}""",
    gradient,
    ("`seeds/001`, equations 6 and 7",),
    ("softmax_jacobian", "softmax_jvp"),
)
POSITIVE = Theorem(
    "hessian-is-a-sum-of-squares",
    r"The Hessian is positive semidefinite",
    r"v^\top J v = \sum_k S_k \bigl(v_k - \langle S, v \rangle\bigr)^2"
    r" = \frac{1}{2} \sum_{k, l} S_k S_l (v_k - v_l)^2 \ge 0",
    gradient,
    ("`seeds/001`, section 2.2",),
    ("SoftmaxCrossEntropy.hvp",),
)
THEOREMS = {one.id: one for one in (THEOREM, CROSS, JACOBIAN, POSITIVE)}
CERTIFICATE = '["sub",["exp","u_0"],["exp","u_0"]]'
STEPS = (
    Step(r"$\partial A / \partial u_i = S_i$", CERTIFICATE),
    Step(r"$\sum_k S_k = 1$", CERTIFICATE.replace("0", "1")),
    Step("the result depends neither on the shift nor on the mask of ties"),
)
ABOUT = About(
    "full",
    41.5,
    "0f" * 32,
    "aa4bcfb0c1",
    {"xent_arrayapi": "0.1.0", "Python": "3.11.7", "sympy": "1.14.0", "python-flint": "0.9.0", "z3-solver": "5.4.1"},
    "Linux x86_64",
)


def proved(prover, seconds=0.2, steps=STEPS):
    """Return a proof."""
    return Check(prover, Verdict.PROVED, seconds, steps)


def findings(theorem):
    """Return what comes out of all runs where all is well."""
    every = Finding(Job(theorem.id), (proved("SymPy, every K", 0.03), proved("certificates, z3", 0.01, ())))
    fixed = [
        Finding(job, (proved(job.prover), proved("certificates, z3", 0.01, ())))
        for size in theorem.sizes
        for domain in ("SymPy", "python-flint")
        for job in (Job(theorem.id, domain, size),)
    ]
    dropped = [
        Finding(
            Job(theorem.id, drop=one), (Check("SymPy, every K", Verdict.REFUTED, 0.1, (), "∇h = S − p: (1 − Σp) S"),)
        )
        for one in theorem.hypotheses
    ]
    return [every, *fixed, *dropped]


def failed(theorem, verdict=Verdict.REFUTED, detail="∇A = S: residual S_k - 1"):
    """Return an outcome in which one prover found no proof."""
    good = outcome(theorem, findings(theorem))
    return replace(good, checks=(replace(good.checks[0], verdict=verdict, detail=detail), *good.checks[1:]))


PART = Part(
    "mutants",
    "Mutants",
    "2 of 2 refused",
    "Wrong edits of the cores, by rule.",
    (Table("By core", ("core", "sign", "axis"), (("`_softmax.centred`", "3", "1"), ("`_rows.back`", "0", "12"))),),
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 4"><rect width="20" height="4" fill="#468"/></svg>',
    "Errors in ulp.",
    (Case("_softmax.centred:sign-1", 0.4), Case("_rows.back:axis-2", 0.1)),
    {"killed": 2},
)


def report(**changes):
    """Return a report in which all is proved."""
    outcomes = tuple(outcome(theorem, findings(theorem)) for theorem in THEOREMS.values())
    return replace(Report(ABOUT, outcomes, (PART,), (), {THEOREM.id: 12}), **changes)

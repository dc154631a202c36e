"""Solvers of smooth convex problems: truncated Newton, and limited memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, cg

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.optimize import OptimizeResult

    from xent_arrayapi._penalised import Floats, Penalised, Point

    Report = Callable[[int, Point], None]

STEPS = 30
"""Halvings of a step, at most."""


class Found(NamedTuple):
    """Where a solver stopped."""

    point: Point
    iterations: int
    converged: bool


def newton_cg(f: Penalised, *, tol: float, max_iter: int, report: Report) -> Found:
    """Minimise by truncated Newton steps (Nocedal and Wright 2006, algorithm 7.1) until no |∂f/∂θ| is above tol."""
    point = f.linearize(np.zeros(f.size))
    best = point
    for iteration in range(max_iter):
        report(iteration, point)
        if point.violation <= tol:
            return Found(point, iteration, converged=True)
        moved = _searched(f, point, _newton_step(f, point))
        if moved is None:
            return Found(best, iteration, converged=False)
        point = moved
        best = point if point.violation <= best.violation else best
    return Found(best, max_iter, best.violation <= tol)


def _newton_step(f: Penalised, point: Point) -> Floats:
    """Solve for the Newton step, the more exactly the smaller the gradient is."""
    hessian = LinearOperator((f.size, f.size), matvec=point.product, dtype=np.float64)
    forcing = min(0.25, float(np.sqrt(np.linalg.norm(point.gradient))))
    step: Floats = cg(hessian, -point.gradient, rtol=forcing, maxiter=max(20, min(f.size, 1000)))[0]
    return step


def _searched(f: Penalised, point: Point, step: Floats) -> Point | None:
    """Shorten a step until f decreases; where that is below its rounding, until its slope does (Hager and Zhang 2005)."""
    slope = float(point.gradient @ step)
    noise = 8 * float(np.finfo(np.float64).eps) * abs(point.value)
    length = 1.0
    for _ in range(STEPS):
        trial = f.linearize(point.v + length * step)
        after = float(trial.gradient @ step)
        decreased = trial.value <= point.value + 1e-4 * length * slope
        flat = trial.value <= point.value + noise and abs(after) <= 0.9 * abs(slope)
        if decreased or flat:
            return trial
        length *= 0.5 if not after > 0 else min(0.5, max(0.1, slope / (slope - after)))
    return None


def lbfgs(f: Penalised, *, tol: float, max_iter: int, report: Report) -> Found:
    """Minimise by L-BFGS-B of SciPy (Byrd, Lu, Nocedal and Zhu 1995) until no |∂f/∂θ| is above tol."""
    last = best = f.at(np.zeros(f.size))
    iterations = 0
    report(0, last)
    if last.violation <= tol:
        return Found(last, 0, converged=True)

    def evaluate(v: Floats) -> tuple[float, Floats]:
        nonlocal last, best
        last = f.at(v.copy())
        best = last if last.violation <= best.violation else best
        return last.value, last.gradient

    def after(intermediate_result: OptimizeResult) -> None:
        nonlocal iterations
        iterations += 1
        report(iterations, last)
        if best.violation <= tol:
            raise StopIteration

    options = {"maxiter": max_iter, "maxfun": 20 * max_iter, "maxls": 50, "ftol": 0, "gtol": 0, "maxcor": 20}
    minimize(evaluate, last.v, jac=True, method="L-BFGS-B", callback=after, options=options)
    return Found(best, iterations, best.violation <= tol)


SOLVERS = {"newton-cg": newton_cg, "lbfgs": lbfgs}

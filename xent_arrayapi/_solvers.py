"""Solvers of smooth convex problems: truncated Newton, and limited memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, cg

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.optimize import OptimizeResult

    from xent_arrayapi._penalised import Floats, Penalised, Point, Product

    Report = Callable[[int, Point], None]

STEPS = 30
"""How often a step is shortened, at most."""
PRODUCTS = 500
"""With the Hessian in a step, at most."""
DIGITS = 1e-6
"""Of f, what may be its rounding: of a sum in float32."""
PATIENCE = 10
"""Steps without progress until rounding is all there is."""


class Found(NamedTuple):
    """Where a solver stopped."""

    point: Point
    iterations: int
    converged: bool


def newton_cg(f: Penalised, *, tol: float, max_iter: int, report: Report) -> Found:
    """Minimise by truncated Newton steps (Nocedal and Wright 2006, algorithm 7.1) until no |∂f/∂θ| is above tol."""
    return _stepped(f, np.zeros(f.size), 0, tol=tol, max_iter=max_iter, report=report)


def _stepped(f: Penalised, v: Floats, iteration: int, *, tol: float, max_iter: int, report: Report) -> Found:
    """Take Newton steps from a point that so many iterations led to."""
    point, product = f.linearize(v)
    best, progress = point, iteration
    while iteration < max_iter and best.violation > tol and iteration - progress < PATIENCE:
        report(iteration, point)
        searched = _searched(f, point, _newton_step(point, product))
        if searched is None:
            break
        moved, product = searched
        iteration += 1
        if moved.violation < best.violation or moved.value < point.value - DIGITS * abs(point.value):
            progress = iteration
        point = moved
        best = point if point.violation < best.violation else best
    report(iteration, best)
    return Found(best, iteration, best.violation <= tol)


def _newton_step(point: Point, product: Product) -> Floats:
    """Solve for the Newton step, the more exactly the smaller the gradient is."""
    forcing = min(0.25, max(1e-4, float(np.sqrt(np.linalg.norm(point.gradient)))))
    return solved(product, -point.gradient, rtol=forcing, most=max(20, min(point.v.shape[0], PRODUCTS)))


def solved(product: Product, right: Floats, *, rtol: float, most: int) -> Floats:
    """Solve a symmetric system by conjugate gradients of SciPy, in as many products at most."""
    size = right.shape[0]
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    solution: Floats = cg(operator, right, rtol=rtol, maxiter=most)[0]
    return solution


def _searched(f: Penalised, point: Point, step: Floats) -> tuple[Point, Product] | None:
    """Shorten a step until f decreases, or, where that is below its rounding, until the slope does.

    The second is the approximate condition of Hager and Zhang 2005: the gradient has more digits than f.
    """
    slope = float(point.gradient @ step)
    length = 1.0
    for _ in range(STEPS):
        trial, product = f.linearize(point.v + length * step)
        after = float(trial.gradient @ step)
        level = trial.value <= point.value + DIGITS * abs(point.value) and abs(after) <= abs(slope) / 2
        if level or trial.value <= point.value + 1e-4 * length * slope:
            return trial, product
        length *= min(0.5, max(0.1, slope / (slope - after))) if after > 0 else 0.5
    return None


def lbfgs(f: Penalised, *, tol: float, max_iter: int, report: Report) -> Found:
    """Minimise by L-BFGS-B of SciPy (Byrd, Lu, Nocedal and Zhu 1995) until no |∂f/∂θ| is above tol.

    The last digits, which the rounding of f hides from its line search, are left to Newton steps.
    """
    last = best = f.at(np.zeros(f.size))
    iterations = 0

    def evaluate(v: Floats) -> tuple[float, Floats]:
        nonlocal last, best
        last = f.at(v.copy())
        best = last if last.violation < best.violation else best
        return last.value, last.gradient

    def after(intermediate_result: OptimizeResult) -> None:  # noqa: ARG001  # SciPy passes it by this name
        nonlocal iterations
        iterations += 1
        report(iterations, last)
        if best.violation <= tol:
            raise StopIteration

    report(0, best)
    if best.violation > tol and max_iter:
        options = {"maxiter": max_iter, "maxfun": 20 * max_iter, "maxls": 20, "ftol": 0, "gtol": 0, "maxcor": 20}
        minimize(evaluate, best.v, jac=True, method="L-BFGS-B", callback=after, options=options)
    if best.violation > tol and iterations < max_iter:
        return _stepped(f, best.v, iterations, tol=tol, max_iter=max_iter, report=report)
    return Found(best, iterations, best.violation <= tol)


SOLVERS = {"newton-cg": newton_cg, "lbfgs": lbfgs}

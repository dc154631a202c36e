"""Print the numbers that the README and the numerics page quote.

    python docs/measure.py            # all of them: about three minutes
    python docs/measure.py spread     # one of them, by name

Needs NumPy, SciPy, torch, JAX and python-flint.  Errors are in ulp of the exact result, which is enclosed by the ball
arithmetic of python-flint at 4096 bits.
"""

# ruff: noqa: T201  # it prints

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import torch
from flint import arb, ctx

import xent_arrayapi as xent

os.environ.setdefault("JAX_ENABLE_X64", "1")
import jax
import jax.numpy as jnp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Function = Callable[[Any], Any]

ctx.prec = 4096
ROWS = 200


def exact(row: np.ndarray) -> tuple[list[arb], list[arb]]:
    """Return softmax and log-softmax of one row of floats as balls."""
    m = arb(float(np.max(row)))
    e = [(arb(float(x)) - m).exp() for x in row]
    total = sum(e, arb(0))
    return [x / total for x in e], [arb(float(x)) - m - total.log() for x in row]


def exact_gradient(row: np.ndarray, label: int) -> list[arb]:
    """Return S - p for a label as balls."""
    s, _ = exact(row)
    s[label] = -sum((x for k, x in enumerate(s) if k != label), arb(0))
    return s


def ulps(got: Any, wanted: Iterable[arb], dtype: type) -> float:
    """Return the largest error of one row, in units of the spacing at the exact result."""
    errors = [
        float(abs(arb(float(have)) - ball)) / float(np.spacing(dtype(abs(float(ball)))))
        for have, ball in zip(np.asarray(got), wanted, strict=True)
    ]
    return max(errors)


def compare(rows: np.ndarray, functions: dict[str, Function], exactly: Function) -> None:
    """Print the largest error of each function over rows."""
    wanted = [exactly(row) for row in rows]
    for name, function in functions.items():
        pairs = zip(rows, wanted, strict=True)
        line(name, max(ulps(function(row), balls, rows.dtype.type) for row, balls in pairs))


def line(name: str, *values: object) -> None:
    """Print a name and what was measured, numbers as ulp."""
    print(f"  {name:42s}", *(f"{x:8.3g} ulp" if isinstance(x, float) else x for x in values))


def softmaxes() -> dict[str, Function]:
    """Return softmax of all that we compare."""
    return {
        "scipy.special.softmax": scipy.special.softmax,
        "torch.softmax": lambda u: torch.softmax(torch.from_numpy(u), -1),
        "jax.nn.softmax": lambda u: jax.nn.softmax(jnp.asarray(u)),
        "exp(u - m) / sum, NumPy": lambda u: np.exp(u - np.max(u)) / np.sum(np.exp(u - np.max(u))),
        "xent.softmax, NumPy": xent.softmax,
        "xent.softmax, torch": lambda u: xent.softmax(torch.from_numpy(u)),
        "xent.softmax, JAX": lambda u: xent.softmax(jnp.asarray(u)),
        "xent.softmax, jax.jit": lambda u: jax.jit(xent.softmax)(jnp.asarray(u)),
    }


def leading() -> np.ndarray:
    """Return rows of 10 logits whose first is 25 to 60 above the largest of the others."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((ROWS, 10))
    rows[:, 0] = rows[:, 1:].max(axis=1) + rng.uniform(25, 60, ROWS)
    return rows


def dominant() -> None:
    """Show value, log-probability and gradient where one logit leads by 50 or 60, float64."""
    u = np.asarray([0.0, -50.0])
    line("scipy.special.log_softmax([0, -50])", scipy.special.log_softmax(u).tolist())
    line("xent.log_softmax([0, -50])", xent.log_softmax(u).tolist())
    logits = torch.tensor([[60.0, 0.0]], dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([0]))
    loss.backward()
    line("torch cross_entropy([60, 0], label 0)", str(loss.item()), logits.grad.tolist())
    value, gradient = jax.value_and_grad(lambda x: -jax.nn.log_softmax(x)[0])(jnp.asarray([60.0, 0.0]))
    line("jax -log_softmax([60, 0])[0]", str(value), gradient.tolist())
    value, gradient = xent.SoftmaxCrossEntropy(np.asarray([0])).value_and_grad(np.asarray([[60.0, 0.0]]))
    line("xent cross-entropy([60, 0], label 0)", str(value), gradient.tolist())


def spread() -> None:
    """Compare softmax of logits uniform in ±350, K = 50, float64."""
    compare(np.random.default_rng(0).uniform(-350, 350, (ROWS, 50)), softmaxes(), lambda row: exact(row)[0])


def spread32() -> None:
    """Compare softmax of logits uniform in ±40, K = 50, float32."""
    rows = np.random.default_rng(0).uniform(-40, 40, (ROWS, 50)).astype(np.float32)
    compare(rows, softmaxes(), lambda row: exact(row)[0])


def logarithm() -> None:
    """Compare log-softmax of rows with a leading logit, float64."""
    functions = {
        "scipy.special.log_softmax": scipy.special.log_softmax,
        "torch.log_softmax": lambda u: torch.log_softmax(torch.from_numpy(u), -1),
        "jax.nn.log_softmax": lambda u: jax.nn.log_softmax(jnp.asarray(u)),
        "xent.log_softmax": xent.log_softmax,
    }
    compare(leading(), functions, lambda row: exact(row)[1])


def gradient() -> None:
    """Compare gradients of the loss of the leading label, float64."""
    h = xent.SoftmaxCrossEntropy(np.asarray(0), reduction="none")
    functions = {"xent.softmax(u) - p": lambda u: xent.softmax(u) - np.eye(10)[0], "h.grad(u)": h.grad}
    compare(leading(), functions, lambda row: exact_gradient(row, 0))


def flush() -> None:
    """Compare two forms of exp of a compensated shift where XLA flushes subnormals to 0, float32, JAX on the CPU."""

    def compensated(u: Any) -> tuple[Any, Any]:
        m = jnp.max(u)
        d = u - m
        b = d - u
        return jnp.exp(d), (u - (d - b)) - (m + b)

    def product(u: Any) -> Any:
        e, err = compensated(u)
        return e * (1 + err)

    def plus(u: Any) -> Any:
        e, err = compensated(u)
        return e + e * err

    rng = np.random.default_rng(0)
    rows = rng.uniform(-86.5, -83, (ROWS, 20)).astype(np.float32)
    rows[:, 0] = rng.uniform(0.1, 0.2, ROWS)
    functions = {"exp(d) (1 + err)": product, "exp(d) + exp(d) err": plus}
    compare(rows, functions, lambda row: [(arb(float(x)) - arb(float(row.max()))).exp() for x in row])
    u = np.asarray([0.0, -740.0])
    line("xent.softmax([0, -740])[1], NumPy", str(xent.softmax(u)[1]))
    line("xent.softmax([0, -740])[1], torch", str(xent.softmax(torch.from_numpy(u))[1].item()))
    line("xent.softmax([0, -740])[1], JAX", str(xent.softmax(jnp.asarray(u))[1]))


def ties() -> None:
    """Show the gradient of logsumexp at [0, 0] by jax.grad."""

    def one_out(u: Any) -> Any:
        m = jnp.max(u)
        return m + jnp.log1p(jnp.sum(jnp.where(jnp.arange(2) == jnp.argmax(u), 0, jnp.exp(u - m))))

    line("one argmax left out of the sum", jax.grad(one_out)(jnp.zeros(2)).tolist())
    line("xent.logsumexp, the mask of ties", jax.grad(xent.logsumexp)(jnp.zeros(2)).tolist())


def sums() -> None:
    """Compare sums of 100 000 numbers, float32, NumPy, along contiguous and strided axes, and torch, compiled."""
    x = np.random.default_rng(0).uniform(0, 1, (8, 100_000)).astype(np.float32)
    wanted = [sum((arb(float(v)) for v in row), arb(0)) for row in x]
    line("np.sum(axis=-1), contiguous", ulps(np.sum(x, axis=-1), wanted, np.float32))
    line("np.sum(axis=0), strided", ulps(np.sum(np.ascontiguousarray(x.T), axis=0), wanted, np.float32))
    u = np.random.default_rng(0).normal(0, 1, (4, 100_000)).astype(np.float32)
    columns = xent.softmax(np.ascontiguousarray(u.T), axis=0).T
    balls = [exact(row)[0] for row in u]
    for name, got in {"xent.softmax(axis=-1)": xent.softmax(u), "xent.softmax(axis=0), strided": columns}.items():
        line(name, max(ulps(row, ball, np.float32) for row, ball in zip(got, balls, strict=True)))
    wide = torch.from_numpy(4 * u)
    balls = [exact(row)[0] for row in 4 * u]
    for name, softmax in {"torch.softmax": lambda x: torch.softmax(x, -1), "xent.softmax": xent.softmax}.items():
        got = torch.compile(softmax, fullgraph=True, dynamic=False)(wide).numpy()
        errors = [ulps(row, ball, np.float32) for row, ball in zip(got, balls, strict=True)]
        line(f"{name}, torch.compile, N(0, 4²)", max(errors))


def alike() -> None:
    """Compare sums of 20 000 rows of 127 exponentials, and softmax of some of these logits, N(30, 0.1²), NumPy."""
    worst = {np.float32: [18710, 247, 17830, 6638], np.float64: [4579, 8152, 2016, 9955]}
    for dtype, chosen in worst.items():
        rows = np.random.default_rng(127).normal(30, 0.1, (20_000, 127)).astype(dtype)
        terms, got = np.exp(rows), xent.softmax(rows)[chosen]
        wanted = [sum((arb(float(v)) for v in row), arb(0)) for row in terms]
        line(f"np.sum(axis=-1), {dtype.__name__}", ulps(np.sum(terms, axis=-1), wanted, dtype))
        balls = [exact(row)[0] for row in rows[chosen]]
        line(f"xent.softmax, {dtype.__name__}", max(ulps(*pair, dtype) for pair in zip(got, balls, strict=True)))


CLASSES = (2, 3, 7, 10, 13, 23, 31, 47, 55, 61, 63, 65, 100, 127, 128, 255, 500, 639, 641, 1000)
"""In which errors of NumPy are looked for: sums are added in some other way from 64, 128, 256 and 640 on."""


def evaluate(u: Any, labels: Any, axis: int = -1) -> tuple[Any, ...]:
    """Evaluate all that rule 7 speaks of."""
    loss = xent.SoftmaxCrossEntropy(labels, axis=axis, reduction="none", check_values=False)
    of_rows = (f(u, axis=axis) for f in (xent.softmax, xent.log_softmax, xent.logsumexp))
    return *of_rows, *loss.value_and_grad(u)


def largest_errors(evaluated: Function, classes: Iterable[int], logits: int) -> dict[str, float]:
    """Return the largest errors of float32 among random rows; what is exact is of float64."""
    rng, worst = np.random.default_rng(0), {}
    for count in classes:
        for _ in range(5):
            n = logits // count
            u = rng.normal(rng.choice([-30, -3, 0, 3, 30]), rng.choice([0.1, 0.5, 1, 3, 6]), (n, count))
            u, labels, each = u.astype(np.float32), rng.integers(0, count, n), np.arange(n)
            m, top = np.max(u, axis=-1).astype(np.float64), np.argmax(u, axis=-1)
            e = np.exp(u - m[:, None])
            others = [np.sum(np.where(np.arange(count) == one[:, None], 0, e), axis=-1) for one in (top, labels)]
            tail = np.log1p(others[0])
            logs = u - m[:, None] - tail[:, None]
            slopes = np.exp(logs)
            slopes[each, labels] = -others[1] / (1 + others[0])
            exactly = np.exp(logs), logs, m + tail, -logs[each, labels], slopes
            names = "softmax", "log_softmax", "logsumexp", "loss", "gradient"
            for name, have, wanted in zip(names, evaluated(u, labels), exactly, strict=True):
                size = np.maximum(np.abs(m), tail) if name == "logsumexp" else np.abs(wanted)
                error = np.max(np.abs(np.asarray(have) - wanted) / np.spacing(size.astype(np.float32)))
                worst[name] = max(worst.get(name, 0.0), float(error))
    return worst


def search() -> None:
    """Look for the largest errors of float32 among sixty million random logits, NumPy."""
    for name, ulp in largest_errors(evaluate, CLASSES, 600_000).items():
        line(name, ulp)


def search_compiled() -> None:
    """Look for them under torch.compile, which adds in other ways from 17 and 1025 terms on, and under jax.jit."""
    compiled, jitted = torch.compile(evaluate, fullgraph=True, dynamic=False), jax.jit(evaluate, static_argnums=2)

    def on_torch(u: Any, labels: Any) -> Any:
        torch.compiler.reset()
        return compiled(torch.from_numpy(u), torch.from_numpy(labels))

    def on_columns(u: Any, labels: Any) -> Any:
        return [x.T for x in jitted(np.ascontiguousarray(u.T), labels, 0)]

    for name, evaluated in (("torch.compile", on_torch), ("jax.jit", jitted), ("jax.jit, axis 0", on_columns)):
        for quantity, ulp in largest_errors(evaluated, (2, 10, 16, 17, 100, 1000, 1024), 300_000).items():
            line(f"{name}, {quantity}", ulp)
        for quantity, ulp in largest_errors(evaluated, (1025, 30_000, 100_000), 1_000_000).items():
            line(f"{name}, {quantity}, more than 1024 classes", ulp)


def merging() -> None:
    """Compare logsumexp of 1000 classes, N(0, 3²), float64, with 100 parts merged one after another."""
    rows = np.random.default_rng(0).normal(0, 3, (ROWS, 1000))
    merged = xent.LogPartition.of(rows[:, :10])
    for k in range(10, 1000, 10):
        merged = merged.merge(xent.LogPartition.of(rows[:, k : k + 10]))
    wanted = [sum((arb(float(x)).exp() for x in row), arb(0)).log() for row in rows]
    line("xent.logsumexp of the whole", ulps(xent.logsumexp(rows), wanted, np.float64))
    line("merged.logsumexp", ulps(merged.logsumexp, wanted, np.float64))


def half() -> None:
    """Show logsumexp of 70 000 float16 zeros, log 70000 = 11.15625."""
    zeros = np.zeros(70_000, dtype=np.float16)
    with np.errstate(over="ignore"):
        line("np.log(np.sum(np.exp(x)))", str(np.log(np.sum(np.exp(zeros)))))
    value = xent.logsumexp(zeros)
    line("xent.logsumexp(x)", str(value), value.dtype)


def accuracy() -> None:
    """Measure softmax, log-softmax, and loss and gradient of a random label, NumPy, in this order."""
    for dtype, wide in ((np.float64, 350), (np.float32, 40)):
        rng = np.random.default_rng(0)
        regimes = {
            "N(0, 3²), K = 10": rng.normal(0, 3, (ROWS, 10)),
            f"uniform ±{wide}, K = 50": rng.uniform(-wide, wide, (ROWS, 50)),
            "one leads by 25 to 60, K = 10": leading(),
            "N(0, 3²), K = 1000": rng.normal(0, 3, (20, 1000)),
        }
        for name, rows in regimes.items():
            errors = [errors_of(row, int(rng.integers(len(row)))) for row in rows.astype(dtype)]
            line(f"{dtype.__name__}, {name}", *map(max, zip(*errors, strict=True)))


def errors_of(row: np.ndarray, label: int) -> tuple[float, ...]:
    """Return the errors of softmax, log-softmax, loss and gradient of one row."""
    dtype = row.dtype.type
    s, log_s = exact(row)
    h = xent.SoftmaxCrossEntropy(np.asarray(label), reduction="none")
    return (
        ulps(xent.softmax(row), s, dtype),
        ulps(xent.log_softmax(row), log_s, dtype),
        ulps([h(row)], [-log_s[label]], dtype),
        ulps(h.grad(row), exact_gradient(row, label), dtype),
    )


def temperature() -> None:
    """Count the steps to the temperature of a mean energy, over spectra and mean energies of all sizes, NumPy."""
    rng, n = np.random.default_rng(5), np.arange(1.0, 201)
    wide = {"uniform": rng.uniform(size=(400, 5)), "three levels": rng.uniform(size=(400, 3))}
    wide["degenerate ends"] = np.sort(rng.uniform(size=(400, 6)))[:, [0, 0, 2, 3, 5, 5]]
    wide["12 decades, K = 8"], wide["12 decades"] = (10 ** rng.uniform(-6, 6, size=s) for s in ((400, 8), (60, 1000)))
    wide["normal"], wide["equidistant"] = rng.normal(size=(60, 1000)), np.tile(np.arange(1000.0), (60, 1))
    wide["n squared"], wide["-1 over n squared"] = np.tile(n**2, (60, 1)), np.tile(-1 / n**2, (60, 1))
    wide["stairs"] = np.tile([0, 1e-12, 1e-9, 1e-6, 1e-3, 1], (60, 1))
    for name, levels in wide.items():
        steps, reached = [], []
        for dtype, least in (("float64", -15), ("float64", -300), ("float32", -7), ("float32", -30)):
            up = levels - np.min(levels, axis=-1, keepdims=True)
            share = 10 ** rng.uniform(least, -0.1, size=len(up))
            for sign in (1, -1):
                energies, wanted = (sign * up).astype(dtype), (sign * share * np.max(up, axis=-1)).astype(dtype)
                _, certificate = xent.Boltzmann(energies).at_mean_energy(wanted)
                steps.append(certificate.iterations)
                reached.append(certificate.converged)
        rows, done = np.concatenate(steps), np.concatenate(reached)
        line(name, f"{rows.size} rows, median {np.median(rows):g}, most {np.max(rows)}, {np.sum(~done)} not converged")


MEASUREMENTS = (
    dominant,
    spread,
    spread32,
    logarithm,
    gradient,
    flush,
    ties,
    sums,
    alike,
    search,
    search_compiled,
    merging,
    half,
    accuracy,
    temperature,
)


def main() -> None:
    """Run what is asked for, or everything."""
    print(f"NumPy {np.__version__}, SciPy {scipy.__version__}, torch {torch.__version__}, JAX {jax.__version__}")
    for measurement in MEASUREMENTS:
        if len(sys.argv) == 1 or measurement.__name__ in sys.argv[1:]:
            print(f"{measurement.__name__}: {measurement.__doc__}")
            measurement()


if __name__ == "__main__":
    main()

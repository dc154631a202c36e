r"""Train the maximum-entropy model on handwritten digits: the same code in NumPy, PyTorch and JAX.

The model is P_k = softmax(X W + b)_k (``seeds/001``, equation 2).  Penalised maximum likelihood minimises

    f(W, b) = mean cross-entropy + α/2 ‖W‖²,

with the intercept b free.  SciPy's trust-region Newton-CG moves the 650 parameters in NumPy.  The logits, their
gradient and the products with their Hessian are arrays of the backend, from `xent_arrayapi.SoftmaxCrossEntropy`.
Where the gradient vanishes, the expectations of the features under the model and in the data differ by the pull of
the penalty, E_est − E_obs = −α W (``seeds/001``, equation 13), and the optimum is the same whoever computes it.

    pip install 'xent_arrayapi[example,torch,jax]'
    python docs/examples/digits.py [--backend numpy --backend torch --backend jax] [--output digits.png]

The exit status is 0 only if every run ends at a stationary point and over 96 % held-out accuracy, the identity above
holds, and the coefficients of all backends are equal to rounding.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from plotting import BLUE, INK, ORANGE, write
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from scipy.optimize import OptimizeResult, minimize
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from xent_arrayapi import SoftmaxCrossEntropy, softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = Any  # of NumPy, PyTorch or JAX
    Vector = NDArray[np.float64]  # of SciPy: W row by row, then b

NAMESPACES = {"numpy": "numpy", "torch": "torch", "jax": "jax.numpy"}
CLASSES = 10
SEED = 0  # of the split
ALPHA = 3e-4  # the best of 1e-5, 3e-5, ..., 1e-1 in 5-fold cross-validation of the training part, chosen beforehand
ACCURACY = 0.96  # to exceed on the part held out
SWITCH = 1e-8  # gradient norm below which the objective's rounding would mislead the trust region
STATIONARY = 1e-14  # gradient norm, and largest deviation from E_est − E_obs = −α W, that count as 0
# The smallest curvature of f at its minimum is 6e-5 (but for b + constant, which changes nothing), so two stationary
# points are within 2 STATIONARY / 6e-5 = 3.3e-10, which is 1e-10 of the largest coefficient, 3.3.
AGREEMENT = 1e-10  # of the coefficients of two backends, relative to the largest


@dataclass(frozen=True)
class MaximumEntropy:
    """The model and its penalised likelihood on the arrays of any library, as functions of SciPy's vector."""

    features: Array
    loss: SoftmaxCrossEntropy

    def logits(self, parameters: Vector) -> Array:
        """Evaluate X W + b.  It is linear: a tangent of the parameters gives the tangent of the logits."""
        xp = array_namespace(self.features)
        array = xp.asarray(parameters)
        return self.features @ xp.reshape(array[:-CLASSES], (-1, CLASSES)) + array[-CLASSES:]

    def value_and_grad(self, parameters: Vector) -> tuple[float, Vector]:
        """Evaluate f and its gradient."""
        value, gradient = self.loss.value_and_grad(self.logits(parameters))
        penalty = ALPHA / 2 * np.sum(parameters[:-CLASSES] ** 2)
        return float(value) + float(penalty), self._pull_back(gradient, parameters)

    def hvp(self, parameters: Vector, tangent: Vector) -> Vector:
        """Evaluate the product of the Hessian of f with a tangent; the Hessian itself is never formed."""
        product = self.loss.hvp(self.logits(parameters), self.logits(tangent))
        return self._pull_back(product, tangent)

    def moment_deviation(self, parameters: Vector) -> float:
        """Evaluate the largest entry of E_est − E_obs + α W, with the expectations as they are defined."""
        xp = array_namespace(self.features)
        observed = xp.astype(self.loss.targets[:, None] == xp.arange(CLASSES), self.features.dtype)
        estimated = softmax(self.logits(parameters))
        difference = np.asarray(self.features.T @ estimated - self.features.T @ observed) / self.loss.targets.shape[0]
        return float(np.max(np.abs(difference.ravel() + ALPHA * parameters[:-CLASSES])))

    def accuracy(self, parameters: Vector) -> float:
        """Evaluate the share of rows whose most probable class is their label."""
        xp = array_namespace(self.features)
        return float(np.mean(np.asarray(xp.argmax(self.logits(parameters), axis=-1) == self.loss.targets)))

    def _pull_back(self, cotangent: Array, parameters: Vector) -> Vector:
        """Carry a derivative from the logits to the parameters, and add the penalty's."""
        of_weights = np.asarray(self.features.T @ cotangent).ravel() + ALPHA * parameters[:-CLASSES]
        of_intercept = np.asarray(array_namespace(cotangent).sum(cotangent, axis=0))
        return np.concatenate([of_weights, of_intercept])


@dataclass
class Run:
    """One backend's way to the solution, and how good the solution is."""

    backend: str
    objectives: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    coefficients: list[list[float]] = field(default_factory=list)
    intercept: list[float] = field(default_factory=list)
    train_accuracy: float = 0.0
    held_out_accuracy: float = 0.0
    moment_deviation: float = 0.0

    def __str__(self) -> str:
        objective, norm, iteration = self.objectives[-1], self.gradient_norms[-1], len(self.objectives) - 1
        return f"{self.backend}  iteration {iteration:2}  loss {objective:.6f}  ‖∇f‖ {norm:.0e}  {self.seconds:5.2f} s"

    def difference(self, reference: Run) -> float:
        """Evaluate the largest difference of the coefficients, relative to the largest coefficient."""
        here, there = np.asarray(self.coefficients), np.asarray(reference.coefficients)
        return float(np.max(np.abs(here - there)) / np.max(np.abs(there)))

    def failures(self, reference: Run) -> list[str]:
        """Say which checks do not hold; a nan holds none."""
        norm, accuracy, difference = self.gradient_norms[-1], self.held_out_accuracy, self.difference(reference)
        checks = {
            f"gradient norm {norm:.1e}, more than {STATIONARY}": norm <= STATIONARY,
            f"E_est − E_obs + α W {self.moment_deviation:.1e}, not 0": self.moment_deviation <= STATIONARY,
            f"held-out accuracy {accuracy:.2%}, not over {ACCURACY:.0%}": accuracy > ACCURACY,
            f"W {difference:.1e} from that of {reference.backend}, not {AGREEMENT}": difference <= AGREEMENT,
        }
        return [f"{self.backend}: {what}" for what, holds in checks.items() if not holds]


def digits() -> list[NDArray[Any]]:
    """Load 8 × 8 images, pixels in [0, 1], and split them: features for training and held out, then their labels."""
    images, labels = load_digits(return_X_y=True)
    return train_test_split(images / 16.0, labels, test_size=0.25, random_state=SEED, stratify=labels)


def converter(backend: str) -> Callable[[NDArray[Any]], Array]:
    """Find the function that makes an array of the backend, float64 staying float64."""
    try:
        if backend == "jax":
            import_module("jax").config.update("jax_enable_x64", True)  # noqa: FBT003
        return import_module(NAMESPACES[backend]).asarray
    except ModuleNotFoundError as error:
        msg = f"Backend {backend!r} is missing: run `pip install 'xent_arrayapi[{backend}]'` or choose by --backend."
        raise SystemExit(msg) from error


def train(backend: str, asarray: Callable[[NDArray[Any]], Array], report: Callable[[Run], None]) -> Run:
    """Minimise f in one backend: trust-region Newton-CG, then one Newton step, which needs no objective."""
    features, held_out_features, labels, held_out_labels = map(asarray, digits())
    model = MaximumEntropy(features, SoftmaxCrossEntropy(labels))
    held_out = MaximumEntropy(held_out_features, SoftmaxCrossEntropy(held_out_labels))
    run, start = Run(backend), time.perf_counter()

    def record(intermediate_result: OptimizeResult) -> None:
        objective, gradient = model.value_and_grad(intermediate_result.x)
        run.objectives.append(objective)
        run.gradient_norms.append(float(np.linalg.norm(gradient)))
        run.seconds = time.perf_counter() - start
        report(run)

    parameters = np.zeros((features.shape[1] + 1) * CLASSES)
    record(OptimizeResult(x=parameters))
    options: dict[str, Any] = {"method": "trust-ncg", "options": {"gtol": SWITCH}}
    found = minimize(model.value_and_grad, parameters, jac=True, hessp=model.hvp, callback=record, **options)
    hessian = LinearOperator((found.x.size, found.x.size), matvec=partial(model.hvp, found.x), dtype=found.x.dtype)
    parameters = found.x - cg(hessian, found.jac, rtol=1e-8)[0]
    record(OptimizeResult(x=parameters))

    *run.coefficients, run.intercept = parameters.reshape(-1, CLASSES).tolist()
    run.train_accuracy, run.held_out_accuracy = model.accuracy(parameters), held_out.accuracy(parameters)
    run.moment_deviation = model.moment_deviation(parameters)
    return run


def show(progress: Progress, task: TaskID, run: Run) -> None:
    """Draw the progress in decades of the gradient norm, or print a line where no bar can be drawn."""
    start, now = run.gradient_norms[0], max(STATIONARY, run.gradient_norms[-1])
    completed, total = (round(10 * math.log10(start / norm)) for norm in (now, STATIONARY))
    progress.update(task, description=str(run), completed=completed, total=total)
    if progress.disable:
        progress.console.print(str(run))


def table(runs: Sequence[Run]) -> Table:
    """Lay out the results, one row per backend."""
    caption = f"ΔW: largest difference from the coefficients of {runs[0].backend}, relative to the largest"
    result = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, caption=caption, caption_justify="left")
    result.add_column("backend")
    for column in ("iterations", "objective", "‖∇f‖", "train", "held out", "time", "ΔW"):
        result.add_column(column, justify="right")
    for run in runs:
        solution = str(len(run.objectives) - 1), f"{run.objectives[-1]:.7f}", f"{run.gradient_norms[-1]:.0e}"
        quality = f"{run.train_accuracy:.2%}", f"{run.held_out_accuracy:.2%}", f"{run.seconds:.2f} s"
        result.add_row(run.backend, *solution, *quality, f"{run.difference(runs[0]):.1g}")
    return result


def plot(runs: Sequence[Run]) -> Figure:
    """Draw objective and gradient norm over the iterations; wide lines lie under narrow ones, as they coincide."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    colors = BLUE, ORANGE, INK
    for run, color, linewidth, linestyle in zip(runs, colors, (7, 3, 1.5), ("-", "--", ":"), strict=False):
        label = f"{run.backend}: {run.held_out_accuracy:.1%} held-out accuracy"
        left.plot(run.objectives, color=color, linewidth=linewidth, linestyle=linestyle, label=label)
        right.plot(run.gradient_norms, color=color, linewidth=linewidth, linestyle=linestyle)
    left.set(title="Objective", ylabel="mean cross-entropy + α/2 ‖W‖²  (nats)", ylim=(0, None))
    left.legend(frameon=False)
    right.set(title="Gradient norm", ylabel="‖∇f‖", yscale="log")
    right.axhline(STATIONARY, color=INK, linewidth=1)
    right.text(0, STATIONARY, "counts as 0", verticalalignment="bottom")
    for axes in (left, right):
        axes.set_xlabel("iteration")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    figure.suptitle(f"Maximum-entropy model on digits, trust-region Newton-CG, α = {ALPHA}")
    return figure


def main() -> None:
    """Train, print, plot and check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", action="append", choices=NAMESPACES, help="repeatable; by default all")
    parser.add_argument("--output", type=Path, default=Path("digits.png"), help="PNG or SVG (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="a file for results and coefficients")
    arguments = parser.parse_args()

    converters = {name: converter(name) for name in NAMESPACES if name in (arguments.backend or NAMESPACES)}
    console = Console(highlight=False, soft_wrap=True)
    columns = BarColumn(bar_width=12), TextColumn("{task.description}")
    with Progress(*columns, console=console, disable=not console.is_interactive) as progress:
        runs = [
            train(name, asarray, partial(show, progress, progress.add_task(name, total=None)))
            for name, asarray in converters.items()
        ]
    console.print(table(runs))
    deviation = max(run.moment_deviation for run in runs)
    console.print(f"E_est − E_obs = −α W (seeds/001, equation 13) holds to {deviation:.0e}.")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(run) for run in runs]), encoding="utf-8")
    if arguments.output.suffix == ".svg":
        write(plot(runs), arguments.output)
    else:
        plot(runs).savefig(arguments.output, dpi=150)
    console.print(f"Plot: {arguments.output.resolve()}")
    if failures := [failure for run in runs for failure in run.failures(runs[0])]:
        raise SystemExit("\n".join(["Checks failed:", *failures]))


if __name__ == "__main__":
    main()

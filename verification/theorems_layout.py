r"""Theorems on where the classes are: any axis, several axes, one class, none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem
from verification.theorems_loss import FIRST, LOSS, SECOND
from verification.theorems_partition import MILAKOV, REAL
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._exponentials import exponentials, tail_of
from xent_arrayapi._jacobian import jacobian_product
from xent_arrayapi._loss_rows import row_gradients, row_values
from xent_arrayapi._partition import LogPartition
from xent_arrayapi._rows import Rows
from xent_arrayapi._targets import weights_of_labels, weights_of_rows

if TYPE_CHECKING:
    from verification._setting import Setting


def class_axis(s: Setting) -> None:
    """Hold results along the first axis against those along the last."""
    u, v, t = s.reals("u", "KN"), s.reals("v", "KN"), s.probabilities("t", "NK", summed=False)
    rows, along = s.xp.permute_dims(u, (1, 0)), s.xp.permute_dims(v, (1, 0))
    first = xent.SoftmaxCrossEntropy(s.xp.permute_dims(t, (1, 0)), axis=0, reduction="none")
    last = xent.SoftmaxCrossEntropy(t, reduction="none")
    kept, jacobian = xent.logsumexp(u, axis=0, keepdims=True), xent.softmax_jacobian(u, axis=0)
    pairs = [(f(u, axis=0), f(rows)) for f in (xent.softmax, xent.log_softmax)]
    pairs += [(xent.softmax_jvp(u, v, axis=-2), xent.softmax_jvp(rows, along)), (first.grad(u), last.grad(rows))]
    pairs += [(first.hvp(u, v), last.hvp(rows, along)), (first.hessian_diag(u), last.hessian_diag(rows))]
    state, other = LogPartition.of(u, axis=0), LogPartition.of(rows)
    family, of_rows = xent.Categorical(u, axis=0), xent.Categorical(rows)
    pairs.append((state.softmax(u), other.softmax(rows)))
    for n, k in s.indices("NK"):
        for one, two in pairs:
            s.equal("along the first axis as along the last", s.at(one, k, n), s.at(two, n, k))
        s.equal("with the axis kept", s.at(s.xp.squeeze(kept, axis=0), n), s.at(xent.logsumexp(rows), n))
        s.equal("the loss of a row", s.at(first(u), n), s.at(last(rows), n))
        labels = xent.Categorical(u, axis=-2).log_prob(s.xp.permute_dims(t, (1, 0))), of_rows.log_prob(t)
        for one, two in (
            (family.entropy, of_rows.entropy),
            (family.kl_divergence(family), s.xp.zeros_like(rows[:, 0])),
            labels,
        ):
            s.equal("the entropy, divergence and log-probability of a row", s.at(one, n), s.at(two, n))
    for n, i, j in s.indices("NKK"):
        s.equal("the Jacobian of a row", s.at(jacobian, n, i, j), s.at(xent.softmax_jacobian(rows), n, i, j))
        s.equal("the Hessian of a row", s.at(first.hessian(u), n, i, j), s.at(last.hessian(rows), n, i, j))
    rows_in_place(s)


def rows_in_place(s: Setting) -> None:
    """Hold the cores on rows that stay where the caller has them, as XLA gets them, against those that are moved."""
    u, v, t, w = s.reals("u", "KN"), s.reals("v", "KN"), s.probabilities("t", "NK", summed=False), s.positives("w", "K")
    y, xp = s.labels("y", "N"), s.xp
    rows, moved, along, across = Rows.of("u", u, 0, xp).in_place(), *(xp.permute_dims(x, (1, 0)) for x in (u, v, t))
    got, other = Evaluation.of(rows.last(u), rows.xp), Evaluation.of(moved, xp)
    product, _ = jacobian_product(got.probs(), rows.last(v), got.top, rows.xp)
    options: dict[str, Any] = {"mask": None, "class_weights": rows.vector(w), "smoothing": 0.0}
    of_labels = weights_of_labels(rows.column(y), rows, ignore_index=None, checked=True, again=False, **options)
    by_label, by_row = (xent.SoftmaxCrossEntropy(x, class_weights=w, reduction="none") for x in (y, t))
    pairs = [(got.probs(), xent.softmax(moved)), (got.log_probs(), xent.log_softmax(moved))]
    pairs.append((product, xent.softmax_jvp(moved, along)))
    terms = exponentials(moved, other.m, xp)
    fused = Evaluation(xp, other.m, tail_of(other.m, terms, xp, fused=True), terms).log_partition
    columns = [(got.log_partition, xent.logsumexp(moved))]
    for q, h in ((of_labels, by_label), (weights_of_rows(across, rows, **options), by_row)):
        pairs.append((row_gradients(got, q, 0), h.grad(moved)))
        columns.append((row_values(got, q, 0), h(moved)))
    for n, k in s.indices("NK"):
        for one, two in pairs:
            s.equal("where rows are as where they are moved", s.at(one, k, n), s.at(two, n, k))
        for column, numbers in columns:
            s.equal("one number of each row", s.at(rows.reduced(column), n), s.at(numbers, n))
        s.equal("$A$ by terms that are fused", s.at(fused, n, 0), s.at(xent.logsumexp(moved), n))


def class_axes(s: Setting) -> None:
    """Take the classes of two axes together."""
    u = s.reals("u", "NKD")
    state, shared = LogPartition.of(u, axis=(0, 2)), xent.softmax(u, axis=(0, 2))
    a = xent.logsumexp(u, axis=(0, 2), keepdims=True)
    for n, k, d in s.indices("NKD"):
        z = s.sum("N", lambda i: s.sum("D", lambda j: s.exp(s.at(u, i, k, j))))
        s.equal("$S = e^u / \\sum e^u$ over two axes", s.at(shared, n, k, d), s.exp(s.at(u, n, k, d)) / z)
        s.equal("$A = \\log \\sum e^u$ over two axes", s.at(a, 0, k, 0), s.log(z))
        s.equal("and as a partition", s.at(state.logsumexp, k), s.log(z))
        s.equal("with its softmax", s.at(state.softmax(u), n, k, d), s.at(shared, n, k, d))
    v = s.reals("v", "NK")
    shared, a = xent.softmax(v, axis=None), xent.logsumexp(v, axis=None)
    z = s.sum("N", lambda n: s.sum("K", lambda k: s.exp(s.at(v, n, k))))
    s.equal("$A$ over all axes", s.at(a), s.log(z))
    for n, k in s.indices("NK"):
        s.equal("$S$ over all axes", s.at(shared, n, k), s.exp(s.at(v, n, k)) / z)


def nothing(s: Setting) -> None:
    """Merge with the partition of no classes, from either side."""
    u = s.reals("u", "NK")
    state, row = LogPartition.of(u), s.reals("m", "N")
    empty = LogPartition(s.xp.full_like(row, -float("inf")), s.xp.zeros_like(row))
    for (n,) in s.indices("N"):
        a = s.at(xent.logsumexp(u), n)
        s.equal("the partition of no classes is neutral", s.at(state.merge(empty).logsumexp, n), a)
        s.equal("from either side", s.at(empty.merge(state).logsumexp, n), a)


def no_classes(s: Setting) -> None:
    """Evaluate the partition of rows without classes, and merge with it."""
    u = s.reals("u", "NK")
    empty, family, drawn = LogPartition.of(u[:, :0]), xent.Categorical(u[:, :0]), s.reals("U", "N")
    for (n,) in s.indices("N"):
        a = s.at(xent.logsumexp(u), n)
        s.equal("rows without classes are neutral", s.at(LogPartition.of(u).merge(empty).logsumexp, n), a)
        s.equal("their tail is 0", s.at(empty.tail, n), s.term(0))
        for label in (family.mode, family.sample(drawn)):
            s.equal("no class is their mode, and none is drawn", s.term(s.at(label, n)), s.term(-1))


def one_class(s: Setting) -> None:
    """Evaluate rows of one class."""
    u, y = s.reals("u", "NK"), s.labels("y", "N")
    h = xent.SoftmaxCrossEntropy(y, reduction="none")
    for n, k in s.indices("NK"):
        s.equal("$A = u$", s.at(xent.logsumexp(u), n), s.at(u, n, k))
        s.equal("$S = 1$", s.at(xent.softmax(u), n, k), s.term(1))
        s.equal("$\\log S = 0$", s.at(xent.log_softmax(u), n, k), s.term(0))
        s.equal("$J = 0$", s.at(xent.softmax_jacobian(u), n, k, k), s.term(0))
        s.equal("$h = 0$", s.at(h(u), n), s.term(0))
        s.equal(r"$\nabla h = 0$", s.at(h.grad(u), n, k), s.term(0))


LAYOUT = (
    Theorem(
        "class-axis",
        "The class axis may be any axis",
        r"f(u, \text{axis}) = f(u^\top)^\top",
        class_axis,
        ("the definition, of a transposed array",),
        covers=(
            *("logsumexp", "softmax", "log_softmax", "softmax_jacobian", "softmax_jvp"),
            *("LogPartition.of", "LogPartition.softmax", *FIRST, *SECOND),
            *("Categorical.entropy", "Categorical.kl_divergence", "Categorical.log_prob"),
        ),
        assumptions=(REAL,),
        sizes=(2,),
    ),
    Theorem(
        "class-axes",
        "The classes may lie along several axes",
        r"A = \log \sum_i \sum_j e^{u_{ij}}, \qquad S_{ij} = \frac{e^{u_{ij}}}{\sum_k \sum_l e^{u_{kl}}}",
        class_axes,
        ("the definition, of a reshaped array",),
        covers=("logsumexp", "softmax", "LogPartition.of", "LogPartition.softmax"),
        assumptions=(REAL,),
        sizes=(2,),
        every=False,
    ),
    Theorem(
        "neutral-partition",
        "The partition of no classes is neutral",
        r"(m, t) \cdot (-\infty, 0) = (-\infty, 0) \cdot (m, t) = (m, t)",
        nothing,
        (MILAKOV,),
        covers=("LogPartition", "LogPartition.merge", "LogPartition.logsumexp"),
        assumptions=(REAL,),
    ),
    Theorem(
        "no-classes",
        "Rows without classes",
        r"A(\emptyset) = -\infty",
        no_classes,
        ("the definition, of an empty sum",),
        covers=("LogPartition.of", "LogPartition.merge", "logsumexp", "Categorical.mode", "Categorical.sample"),
        assumptions=(REAL,),
        every=False,
    ),
    Theorem(
        "one-class",
        "Rows of one class",
        r"K = 1: \quad A(u) = u, \quad S = 1, \quad J = 0, \quad h = 0",
        one_class,
        ("the definition, of one term",),
        covers=("logsumexp", "softmax", "log_softmax", "softmax_jacobian", LOSS, f"{LOSS}.grad"),
        assumptions=("$u$ real and finite",),
        sizes=(1,),
        every=False,
    ),
)

"""Labels and probability rows are one thing: weights over classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xent_arrayapi._namespace import are_below, is_floating, is_integral, ones_for, sum_rows, widened
from xent_arrayapi._picked import picked
from xent_arrayapi._validate import dtype_name, refuse_values, same_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._evaluation import Evaluation
    from xent_arrayapi._picked import Reader, Writer
    from xent_arrayapi._rows import Rows
    from xent_arrayapi._typing import Array, Namespace


@dataclass(eq=False)
class TargetWeights:
    """Weights Q over the classes of each row, whichever way the targets are given."""

    xp: Namespace
    total: Array
    """Σ Q of each row."""
    unsmoothed: Array
    """Σ w t of each row, with t the targets before smoothing and w the class weights."""
    valid: Array | None
    """Where the targets of a row are admissible; None for all rows."""
    kept: Array | None
    """Where a row is not ignored."""
    weights: Array | None
    """Q, or that of all classes but the one of a label; None for 0."""
    label: Writer | None = None
    """The class of a label."""
    read: Reader | None = None
    """The same, where only it is read."""
    on: Array | None = None
    """Its Q."""
    unit: bool = False
    """Whether Σ Q is 1 whatever the values are."""

    def sized(self, x: Array) -> Array:
        """Return x Σ Q."""
        return x if self.unit else self.total * x

    def each(self, formula: Callable[[Array | None, Evaluation], Array], got: Evaluation) -> Array:
        """Apply a formula in Q, None for 0, and S to every class: for labels, without an array of Q."""
        if self.label is None:
            return formula(self.weights, got)
        own = formula(self.on, got.at(self.label))  # first: what is of all classes may be spent
        return self.label.put(formula(self.weights, got), own)

    def dot(self, formula: Callable[[Evaluation], Array], got: Evaluation) -> Array:
        """Return Σ Q x for a formula of x, with 0 · (±inf) = 0; a masked class takes part only for its label."""
        xp = self.xp
        if self.label is None or self.read is None:
            return sum_rows(times(self.weights, formula(got), xp), xp)
        own = self.read.only(formula(got.at(self.read)))
        if not self.unit:
            own = times(self.on, own, xp)
        if self.weights is None:
            return self.read.total(own)
        return sum_rows(self.label.put(times(self.weights, got.masked(formula(got), 0), xp), own), xp)


def times(q: Array, x: Array, xp: Namespace) -> Array:
    """Return q x, with 0 · (±inf) = 0."""
    return q * xp.where(xp.logical_and(q == 0, xp.isinf(x)), 0, x)


def are_labels(targets: Array, xp: Namespace) -> bool:
    """Tell class labels from probability rows by the dtype, and refuse what is neither."""
    if is_integral(targets.dtype, xp):
        return True
    if is_floating(targets.dtype, xp):
        return False
    msg = (
        f"`targets` must be integers (class labels) or real floating (probability rows), "
        f"not {dtype_name(targets.dtype)}: convert them to the one that they are."
    )
    raise TypeError(msg)


def check_target_shape(targets: Array, rows: Rows, *, labels: bool) -> None:
    """Check labels against the rows of the logits, and probability rows against the logits."""
    if labels:
        same_shape("targets", targets, rows.batch_shape, "the logits without their class axis")
        if rows.classes == 0:
            msg = "`targets` must not be labels where the logits have no classes: there is none to choose."
            raise ValueError(msg)
        return
    if tuple(targets.shape) == rows.batch_shape != rows.shape:
        msg = "`targets` must be integers to be class labels, not real floating: convert them to an integer dtype."
        raise TypeError(msg)
    same_shape("targets", targets, rows.shape, "the logits")


def weights_of_labels(
    labels: Array,
    rows: Rows,
    *,
    mask: Array | None,
    class_weights: Array | None,
    smoothing: float,
    ignore_index: int | None,
    checked: bool,
    again: bool,
) -> TargetWeights:
    """Turn a column of labels into weights over classes.

    A logit that is read again is the same if they are evaluated as they are given, also where that is compiled.
    """
    xp = rows.xp
    wide = widened(labels, xp)
    kept = None if ignore_index is None else xp.logical_not(_ignored(labels, ignore_index, xp))
    valid = None if checked and kept is None else are_classes(wide, rows)
    (label, read), one = picked(wide, valid, rows, again=again), ones_for(wide, rows.computing, xp)
    own = one
    if class_weights is not None:
        own = read.total(read.of(class_weights))
        own = own if valid is None else xp.where(valid, own, 0)
    if not smoothing:
        return TargetWeights(xp, own, own, valid, kept, None, label, read, own, class_weights is None)
    share = smoothing_share(smoothing, mask, one, rows)
    left = share if mask is None else read.total(read.of(xp.where(mask, share, 0)))
    on = own * ((1 - smoothing) + left)
    off = share if class_weights is None else share * class_weights
    total = own * (1 - smoothing) + share * _mass(class_weights, mask, one, rows)
    return TargetWeights(xp, total, own, valid, kept, off, label, read, on)


def are_classes(wide: Array, rows: Rows) -> Array:
    """Mark the labels in 0..K − 1."""
    return rows.xp.logical_and(wide >= 0, wide < rows.count(wide.dtype))


def _ignored(labels: Array, ignore_index: int, xp: Namespace) -> Array:
    """Mark the labels that are ignore_index, which their dtype may be unable to hold."""
    limits = xp.iinfo(labels.dtype)
    if limits.min <= ignore_index <= limits.max:
        # An array of their dtype: JAX refuses a bare integer that int64 cannot hold, also beside uint64.
        return labels == xp.full_like(labels, ignore_index)
    return xp.zeros_like(labels) == 1  # False, without the name of the dtype, which MLX calls otherwise


def weights_of_rows(
    t: Array, rows: Rows, *, mask: Array | None, class_weights: Array | None, smoothing: float
) -> TargetWeights:
    """Turn rows of probabilities into weights over classes."""
    xp = rows.xp
    valid = xp.all(admissible(t, xp), axis=-1, keepdims=True)
    q = t
    if smoothing:
        share = smoothing_share(smoothing, mask, xp.zeros_like(valid, dtype=rows.computing), rows)
        q = (1 - smoothing) * t + (share if mask is None else xp.where(mask, share, 0))
    if class_weights is not None:
        t, q = class_weights * t, class_weights * q
    return TargetWeights(xp, sum_rows(q, xp), sum_rows(t, xp), valid, None, q)


def admissible(weights: Array, xp: Namespace) -> Array:
    """Mark the weights that are finite and not negative."""
    return xp.logical_and(weights >= 0, xp.isfinite(weights))


def smoothing_share(smoothing: float, mask: Array | None, column: Array, rows: Rows) -> Array:
    """Return ε / K as a column, over the classes that a mask leaves; 0 where it leaves none."""
    left = _mass(None, mask, column, rows)
    return rows.xp.where(left == 0, 0, smoothing / rows.xp.where(left == 0, 1, left))


def _mass(class_weights: Array | None, mask: Array | None, column: Array, rows: Rows) -> Array:
    """Return Σ w over the classes that a mask leaves, as a column: their number without weights."""
    xp = rows.xp
    if mask is None:
        whole = rows.count(rows.computing) if class_weights is None else sum_rows(class_weights, xp)
        return xp.zeros_like(column) + whole
    return sum_rows(xp.where(mask, 1 + xp.zeros_like(column) if class_weights is None else class_weights, 0), xp)


def scale_or_nan(q: TargetWeights, w: Array | None, s: Array | None, xp: Namespace) -> Array:
    """Return the sample weights as a column, nan where an argument is inadmissible."""
    sound = q.valid
    if w is not None:
        sound = xp.logical_and(sound, xp.all(admissible(w, xp), axis=-1, keepdims=True))
    if s is not None:
        sound = xp.logical_and(sound, admissible(s, xp))
    return xp.where(sound, xp.ones_like(q.total) if s is None else s, xp.nan)


def refuse_labels(targets: Array, ignore_index: int | None, rows: Rows) -> None:
    """Raise for the first label that is not admissible; reads values."""
    xp, classes = rows.xp, rows.count(targets.dtype)
    if 0 in targets.shape or are_below(targets, classes, xp):
        return
    wide, must = widened(targets, xp), f"hold labels in 0..{classes - 1}"
    bad = xp.logical_not(are_classes(wide, rows))
    if ignore_index is not None:
        bad, must = (
            xp.logical_and(bad, xp.logical_not(_ignored(targets, ignore_index, xp))),
            f"{must} or `ignore_index`",
        )
    refuse_values("targets", targets, bad, must, xp)


def refuse_weights(name: str, weights: Array, rows: Rows) -> None:
    """Raise for the first weight that is negative or not finite in the dtype of the logits; reads values."""
    bad = rows.xp.logical_not(admissible(rows.cast(weights), rows.xp))
    refuse_values(name, weights, bad, "hold finite numbers >= 0", rows.xp)

"""One call of a loss: logits held against targets under its options, and its value and derivatives, part by part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from xent_arrayapi._blocks import Parts, Whole
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._jacobian import diagonal
from xent_arrayapi._logits import bent
from xent_arrayapi._loss_rows import row_blocks, row_diagonals, row_gradients, row_products, row_values
from xent_arrayapi._reduction import check_normalizer_array, divisor_of, quotient
from xent_arrayapi._targets import refuse_labels, refuse_weights, scale_or_nan, weights_of_labels, weights_of_rows
from xent_arrayapi._validate import real_dtype, same_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._blocks import Kind, Part
    from xent_arrayapi._logits import Bent
    from xent_arrayapi._rows import Rows
    from xent_arrayapi._targets import TargetWeights
    from xent_arrayapi._typing import Array, Reduction


class Options(Protocol):
    """What all losses take, whatever their targets are."""

    @property
    def ignore_index(self) -> int | None: ...
    @property
    def label_smoothing(self) -> float: ...
    @property
    def temperature(self) -> float: ...
    @property
    def reduction(self) -> Reduction: ...
    @property
    def normalizer(self) -> Any: ...


class Weights(NamedTuple):
    """What rows of one call weigh, whatever their logits are."""

    q: TargetWeights
    s: Array | None
    """The sample weight of a row."""
    mask: Array | None
    used: Array | None
    """Where a logit can matter: the rest is masked, or in a row that is left out."""
    live: Array | None
    """Where a row has a part in the loss."""
    scale: Array | None
    """The sample weight of a row; nan where an argument turns out inadmissible."""

    def divisor(self, normalizer: str) -> Array:
        """Return what a mean divides by, row by row."""
        return divisor_of(normalizer, self.q.unsmoothed, self.s, self.q.kept, self.q.xp)

    def scaled(self, x: Array, share: Array | None = None) -> Array:
        """Weight rows (or their blocks), and leave those out that have no part."""
        blocks, factor = x.ndim > self.q.total.ndim, self.scale if share is None else share
        if self.scale is not None and share is not None:
            factor = self.scale * share
        if factor is not None:
            x = x * (factor[..., None] if blocks else factor)
        if self.live is None:
            return x
        return self.q.xp.where(self.live[..., None] if blocks else self.live, x, 0)

    def lives(self) -> Array:
        """Return 1 for a row that has a part in the loss, else 0."""
        one = self.q.xp.ones_like(self.q.total)
        return one if self.live is None else self.q.xp.where(self.live, one, 0)


@dataclass(eq=False)
class Case:
    """Rows of one call, with their logits evaluated."""

    weights: Weights
    logits: Bent
    got: Evaluation
    z_loss: float

    @property
    def q(self) -> TargetWeights:
        """The weights of classes."""
        return self.weights.q

    def clean(self, x: Array) -> Array:
        """Return rows of the logits' shape, 0 where no logit matters."""
        return x if self.weights.used is None else self.got.xp.where(self.weights.used, x, 0)

    def values(self) -> Array:
        """Return the loss of each row."""
        return self.weights.scaled(row_values(self.got, self.q, self.z_loss))

    def gradients(self) -> Array:
        """Return the gradient of each row by the logits of the caller; nothing but values is asked for after it."""
        gradient = row_gradients(self.got, self.q, self.z_loss, last=True)
        return gradient if self.logits.slope is None else self.logits.slope * gradient

    def linearized(self) -> Callable[[Array], Array]:
        """Return v ↦ ∇²h v: with y = f(u), f′ ∘ ∇²_y h (f′ ∘ v) + f″ ∘ ∇_y h ∘ v; softmax is evaluated once."""
        slope, curvature, probs = self.logits.slope, self.logits.curvature, self.got.probs()
        gradient = None if curvature is None else row_gradients(self.got, self.q, self.z_loss)

        def product(tangent: Array) -> Array:
            v = self.clean(tangent)
            if slope is None:
                return row_products(self.got, self.q, self.z_loss, probs, v)
            product = slope * row_products(self.got, self.q, self.z_loss, probs, slope * v)
            return product if curvature is None else product + curvature * gradient * v

        return product

    def blocks(self) -> Array:
        """Return ∇²h of each row: f′ ∇²_y h f′, and f″ ∘ ∇_y h on the diagonal."""
        xp, blocks, slope, curvature = self.got.xp, row_blocks(self.got, self.q, self.z_loss), *self.logits[1:]
        if slope is None:
            return blocks
        if curvature is None:
            return slope * slope * blocks
        blocks = slope[..., :, None] * blocks * slope[..., None, :]
        bending = (curvature * row_gradients(self.got, self.q, self.z_loss))[..., :, None]
        return blocks + xp.where(diagonal(slope, xp), bending, 0)

    def diagonals(self) -> Array:
        """Return the diagonal of ∇²h of each row."""
        diagonals, slope, curvature = row_diagonals(self.got, self.q, self.z_loss), *self.logits[1:]
        if slope is None:
            return diagonals
        diagonals = slope * diagonals * slope
        if curvature is None:
            return diagonals
        return diagonals + curvature * row_gradients(self.got, self.q, self.z_loss)


@dataclass(eq=False)
class Call:
    """Logits and all that they are held against, class axes last, and how they are cut into parts."""

    loss: Options
    rows: Rows
    logits: Array
    targets: Array
    class_weights: Array | None
    sample_weight: Array | None
    mask: Array | None
    softcap: float | None
    z_loss: float
    check_values: bool
    labels: bool
    """Whether the targets are labels, a column of them for each part, or rows of probabilities."""
    normalizer: Array | None
    """What a mean divides by, where that is an array."""
    tangent: Array | None
    back: Callable[[Array], Array]
    """What gives a result to the caller."""
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        """Check what all losses have, and cut the rows."""
        rows, s = self.rows, self.sample_weight
        self.parts = Parts(rows, self.targets, self.class_weights, self.mask, s, self.tangent)
        if s is not None:
            real_dtype("sample_weight", s, rows.xp)
            same_shape("sample_weight", s, rows.batch_shape, "the logits without their class axis")
            if self.check_values:
                refuse_weights("sample_weight", s, rows)
        if self.normalizer is not None:
            check_normalizer_array(self.normalizer, rows.xp)
        if self.check_values and self.labels:
            refuse_labels(self.targets, self.loss.ignore_index, rows)

    def weights(self, part: Part) -> Weights:
        """Weigh some of the rows; where they are all of them, once."""
        return self.parts.once(part, self._weighed)

    def _weighed(self, part: Part) -> Weights:
        loss, frame, xp = self.loss, part.frame, part.frame.xp
        w = self.class_weights
        mask = None if self.mask is None else part.mask(self.mask)
        smoothing = float(loss.label_smoothing)
        if self.labels:
            q = weights_of_labels(
                part.column(self.targets),
                frame,
                mask=mask,
                class_weights=w,
                smoothing=smoothing,
                ignore_index=loss.ignore_index,
                checked=self.check_values,
                again=self.softcap is None and loss.temperature == 1,
            )
        else:
            q = weights_of_rows(part.rows(self.targets), frame, mask=mask, class_weights=w, smoothing=smoothing)
        s = None if self.sample_weight is None else frame.cast(part.column(self.sample_weight))
        scale = s if self.check_values else scale_or_nan(q, w, s, xp)
        live = q.kept
        if s is not None:
            live = s != 0 if live is None else xp.logical_and(live, s != 0)
        used = live if mask is None or live is None else xp.logical_and(live, mask)
        return Weights(q, s, mask, mask if used is None else used, live, scale)

    def case(self, part: Part, *, products: bool = True, sums: bool = False) -> Case:
        """Evaluate the logits of some of the rows, for products with the Hessian or without, or for the value alone."""
        weights, xp, u = self.weights(part), part.frame.xp, part.rows(self.logits)
        if weights.used is not None:
            u = xp.where(weights.used, u, 0)
        logits = bent(u, self.softcap, float(self.loss.temperature), xp)
        asked: dict[str, Any] = {"q": weights.q, "products": products, "z_loss": self.z_loss}
        got = Evaluation.of(logits.y, xp, weights.mask, sums=sums, in_place=part.in_place, room=part.room, **asked)
        return Case(weights, logits, got, self.z_loss)

    def divisor(self) -> Array:
        """Return what a mean divides by."""
        rows = self.rows
        if self.normalizer is not None:
            return rows.xp.astype(self.normalizer, rows.computing)
        named = isinstance(self.loss.normalizer, str)
        name = self.loss.normalizer if named else ""
        (total,) = self.parts.run(lambda part: (self.weights(part).divisor(name),), "sum")
        return total if named else rows.number(float(self.loss.normalizer) + total)

    def over(self, x: Array | None, divisor: Array) -> Array:
        """Return x, or 1, over what a mean divides by."""
        something, xp = None, self.rows.xp
        if not isinstance(self.loss.normalizer, str):
            (lives,) = self.parts.run(lambda part: (self.weights(part).lives(),), "sum")
            something = lives > 0
        return self.rows.number(quotient(xp.ones_like(divisor) if x is None else x, divisor, something, xp))

    def evaluate(
        self, *derivatives: Callable[[Case, Part], Array], value: bool = False, products: bool = False
    ) -> tuple[Array, ...]:
        """Return the reduced value, if asked for, and derivatives, laid out as the logits of the caller.

        Those that are products with the Hessian, or of it, need more of an evaluation.
        """
        reduction = self.loss.reduction
        mean = reduction == "mean"
        divisor = self.divisor() if mean else None
        share = self.over(None, divisor) if mean and derivatives else None

        def work(part: Part) -> tuple[Array, ...]:
            case = self.case(part, products=products, sums=len(derivatives) == 0)
            found = [case.weights.scaled(derivative(case, part), share) for derivative in derivatives]
            return (case.values(), *found) if value else tuple(found)

        kinds: list[Kind] = ["rows"] * len(derivatives)
        if value:
            kinds.insert(0, "column" if reduction == "none" else "sum")
        found = self.parts.run(work, *kinds)
        if mean and value:
            found = self.over(found[0], divisor), *found[1:]
        return tuple(map(self.back, found))

    def linearize(self) -> tuple[Array, Array, Callable[[Array], Array]]:
        """Return value and gradient, and v ↦ ∇²h v, for which each part keeps its softmax."""
        held: dict[int, tuple[Case, Callable[[Array], Array]]] = {}

        def gradients(case: Case, part: Part) -> Array:
            held[part.number] = case, case.linearized()
            return case.gradients()

        value, gradient = self.evaluate(gradients, value=True, products=True)
        share = self.over(None, self.divisor()) if self.loss.reduction == "mean" else None

        def product(tangent: Array) -> Array:
            v = self.rows.bring(tangent)

            def work(part: Part) -> tuple[Array]:
                case, along = held[part.number]
                return (case.weights.scaled(along(part.rows(v)), share),)

            (found,) = self.parts.run(work, "rows")
            return found

        return value, gradient, product

    def hessian(self) -> Array:
        """Return the blocks of the Hessian, of all rows at once."""
        case = self.case(Whole(self.rows))
        share = self.over(None, self.divisor()) if self.loss.reduction == "mean" else None
        return self.rows.in_dtype(case.weights.scaled(case.blocks(), share))

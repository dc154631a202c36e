"""One call of a loss: logits held against targets, under its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._logits import bent
from xent_arrayapi._objective import Case
from xent_arrayapi._partition import Evaluation
from xent_arrayapi._reduction import check_normalizer_array, divisor_of
from xent_arrayapi._targets import refuse_labels, refuse_weights, scale_or_nan, target_weights
from xent_arrayapi._validate import real_dtype, same_shape

if TYPE_CHECKING:
    from xent_arrayapi._objective import RowwiseLoss
    from xent_arrayapi._rows import Rows
    from xent_arrayapi._typing import Array


def assemble(
    loss: RowwiseLoss,
    u: Array,
    targets: Array,
    rows: Rows,
    *,
    class_weights: Array | None,
    mask: Array | None,
    softcap: float | None,
    z_loss: float,
    check_values: bool,
) -> Case:
    """Evaluate rows of logits against targets under the options of a loss."""
    xp = rows.xp
    s = None
    if loss.sample_weight is not None:
        real_dtype("sample_weight", loss.sample_weight, xp)
        same_shape("sample_weight", loss.sample_weight, rows.batch_shape, "the logits without their class axis")
        s = xp.expand_dims(rows.cast(loss.sample_weight), axis=-1)
    check_normalizer_array(loss.normalizer, xp)
    q = target_weights(
        targets,
        rows,
        mask=mask,
        class_weights=class_weights,
        smoothing=float(loss.label_smoothing),
        ignore_index=loss.ignore_index,
    )
    if check_values:
        refuse_labels(targets, q, rows)
        refuse_weights("sample_weight", loss.sample_weight, rows)
    scale = s if check_values else scale_or_nan(q, class_weights, s, xp)
    live = q.kept
    if s is not None:
        live = s != 0 if live is None else xp.logical_and(live, s != 0)
    used = live if mask is None or live is None else xp.logical_and(live, mask)
    used = mask if used is None else used
    logits = bent(u if used is None else xp.where(used, u, 0), softcap, float(loss.temperature), xp)
    divisor = rows.number(divisor_of(loss.normalizer, q.unsmoothed, s, q.kept, xp))
    something = None
    if not isinstance(loss.normalizer, str):
        something = xp.any(xp.ones_like(q.total) == 1 if live is None else live)  # MLX calls bool otherwise
    return Case(rows, logits, Evaluation.of(logits.y, xp, mask), q, z_loss, used, live, scale, divisor, something)

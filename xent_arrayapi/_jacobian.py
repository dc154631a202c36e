"""The Jacobian of softmax: as a product with a vector, and as blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._blocks import Parts, entered
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._exponentials import row_max
from xent_arrayapi._host import Indexed, difference, product, sum_products
from xent_arrayapi._libraries import on_host
from xent_arrayapi._namespace import class_indices, quiet, size_of, sum_rows
from xent_arrayapi._rows import Rows
from xent_arrayapi._validate import real_dtype, same_shape, whole_number

if TYPE_CHECKING:
    from xent_arrayapi._blocks import Part
    from xent_arrayapi._typing import Array, ArrayT, Namespace, SupportsArray


def mean(probs: Array, v: Array, xp: Namespace) -> Array:
    """Return ⟨S, v⟩."""
    if on_host(xp):
        return sum_products(probs, v)
    return sum_rows(probs * v, xp)


def minus(x: Array, y: Array, xp: Namespace, room: Array | None) -> Array:
    """Return x − y, where arrays are written to in an array that is not asked for any more."""
    if on_host(xp):
        return difference(x, y, room)
    return x - y


def multiplied(x: Array, y: Array, xp: Namespace, room: Array | None) -> Array:
    """Return x y, likewise."""
    if on_host(xp):
        return product(x, y, room)
    return x * y


def centred(tangent: Array, top: Array | Indexed, xp: Namespace, room: Array | None = None) -> tuple[Array, Array]:
    """Return a tangent less one of its entries, that of a maximal logit, and this entry."""
    entry = top.of(tangent) if isinstance(top, Indexed) else row_max(xp.where(top, tangent, -xp.inf), xp)
    entry = xp.where(entry == -xp.inf, 0, entry)
    return minus(tangent, entry, xp, room), entry


def jacobian_product(
    probs: Array, tangent: Array, top: Array | Indexed, xp: Namespace, room: Array | None = None
) -> tuple[Array, Array]:
    """Return (diag S − S Sᵀ) v = S ∘ (v − ⟨S, v⟩), exactly 0 for a constant v, and ⟨S, v⟩."""
    v, entry = centred(tangent, top, xp, room)
    average = mean(probs, v, xp)
    return multiplied(probs, minus(v, average, xp, v), xp, v), average + entry


def jacobian_blocks(probs: Array, complements: Array, xp: Namespace) -> Array:
    """Return diag S − S Sᵀ, with S (1 − S) on the diagonal."""
    outer = -probs[..., :, None] * probs[..., None, :]
    return xp.where(diagonal(probs, xp), (probs * complements)[..., :, None], outer)


def diagonal(rows: Array, xp: Namespace) -> Array:
    """Return the mask of the diagonal of (..., K, K) blocks."""
    k = class_indices(size_of(rows, -1), xp.int32, rows, xp)
    return k[:, None] == k[None, :]


def softmax_jacobian(x: ArrayT, /, *, axis: int = -1) -> ArrayT:
    r"""Evaluate the Jacobian of softmax, the Hessian of the log-partition function.

    .. math:: \frac{\partial S_i}{\partial u_j} = S_i (\delta_{ij} - S_j) .

    It is symmetric and positive semidefinite, the covariance of a one-hot draw from S (the Fisher information).

    Parameters
    ----------
    x : array, real, shape ``(..., K)``
        Logits, natural-log scores.  Integers and booleans are promoted to the default floating dtype.
    axis : int, default -1
        The class axis.

    Returns
    -------
    array, real floating, shape ``(..., K, K)``
        One block per row, batch axes first in order, on the device and in the dtype of `x`.

    Raises
    ------
    TypeError
        If `x` is complex.
    ValueError
        If `x` has no such axis.

    See Also
    --------
    softmax_jvp : its product with a vector, in O(K) a row.

    Notes
    -----
    The diagonal is S (1 − S) with 1 − S free of cancellation.  A class of probability 0 has a row and a column
    of zeros; a row without a softmax has a block of nan.  K = 0 gives empty blocks, K = 1 zeros.
    Half precision is computed in float32.  Lazy-safe: no value is read.

    Sources: ``seeds/001`` equations 6 and 7, ``seeds/003``.

    Theorems: jacobian-of-softmax, jacobian-product, hessian-of-logsumexp, complement, chain-rule, categorical-family,
    class-axis, one-class.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_jacobian(np.asarray([0.0, 0.0]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    xp, back, x = entered(None, x=x)
    rows = Rows.of("x", x, whole_number("axis", axis), xp)
    with quiet(xp):
        got = Evaluation.of(rows.last(x), xp)
        blocks: ArrayT = back(rows.in_dtype(jacobian_blocks(got.probs(), got.complements(), xp)))
        return blocks


def softmax_jvp(x: ArrayT, tangent: SupportsArray, /, *, axis: int = -1) -> ArrayT:
    r"""Evaluate the product of the Jacobian of softmax with a vector.

    .. math:: J v = S \circ (v - \langle S, v \rangle) .

    The Jacobian is symmetric: this is the vector-Jacobian product as well, with `tangent` as the cotangent.

    Parameters
    ----------
    x : array, real, shape ``(..., K)``
        Logits, natural-log scores.  Integers and booleans are promoted to the default floating dtype.
    tangent : array, floating or integer, shape of `x`
        The vector v of each row; it is cast to the dtype of `x`.
    axis : int, default -1
        The class axis.

    Returns
    -------
    array, real floating, shape of `x`
        The product, on the device and in the dtype of `x`.

    Raises
    ------
    TypeError
        If `x` is complex, `tangent` neither floating nor integer, or the arrays not of one library.
    ValueError
        If `x` has no such axis, `tangent` is not of its shape, or the arrays are not on one device.

    See Also
    --------
    softmax_jacobian : the matrix.

    Notes
    -----
    The entry of v at a maximal logit is subtracted first: the product with a constant vector is exactly 0, and the
    digits of a small product are kept.  Half precision is computed in float32.  Lazy-safe: no value is read.

    Sources: ``seeds/001`` equation 7, ``seeds/003``.

    Theorems: jacobian-product, hessian-of-logsumexp, bound-of-the-hessian, chain-rule, class-axis.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_jvp(np.asarray([0.0, 0.0]), np.asarray([1.0, 0.0]))
    array([ 0.25, -0.25])
    """
    xp, back, x, tangent = entered(whole_number("axis", axis), x=x, tangent=tangent)
    rows = Rows.of("x", x, axis, xp).unmoved()
    real_dtype("tangent", tangent, xp)
    same_shape("tangent", tangent, rows.shape, "`x`")
    brought, v = rows.bring(x), rows.bring(tangent)

    def work(part: Part) -> tuple[Array]:
        got = Evaluation.of(part.rows(brought), part.frame.xp, in_place=part.in_place)
        return jacobian_product(got.last_probs(), part.rows(v), got.peak, got.xp, part.room)[:1]

    with quiet(xp):
        (product,) = Parts(rows, v).run(work, "rows")
        value: ArrayT = back(product)
        return value

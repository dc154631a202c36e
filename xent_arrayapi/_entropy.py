"""Entropy, cross-entropy and KL divergence of probability vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xent_arrayapi._namespace import namespace_of, quiet, sum_rows
from xent_arrayapi._rows import Rows
from xent_arrayapi._validate import floating_dtype_only, same_shape, whole_number

if TYPE_CHECKING:
    from xent_arrayapi._typing import Array, ArrayT, Namespace, SupportsArray


def log_of(q: Array, xp: Namespace) -> Array:
    """Return log q: −inf at 0, nan for a negative number."""
    return xp.where(q == 0, -xp.inf, xp.where(q < 0, xp.nan, xp.log(xp.where(q > 0, q, 1)) + 0 * q))


def sum_where_positive(p: Array, terms: Array, xp: Namespace) -> Array:
    """Sum terms over the classes where p is not 0; a negative or nan p makes the sum nan."""
    return sum_rows(xp.where(p > 0, terms, xp.where(p == 0, xp.zeros_like(p), xp.nan)), xp)


def cross_entropies(p: Array, q: Array, xp: Namespace) -> Array:
    """Return −Σ p log q."""
    safe = xp.where(p == 0, 1, q)
    return sum_where_positive(p, -p * log_of(safe, xp), xp)


def divergences(p: Array, q: Array, xp: Namespace) -> Array:
    """Return Σ p log(p / q), the ratio by its distance from 1 where p and q are within a factor of 2."""
    safe = xp.where(p > 0, p, 1)
    other = xp.where(p > 0, q, 1)
    near = xp.logical_and(safe <= 2 * other, other <= 2 * safe)
    ratio = xp.where(near, (safe - other) / xp.where(near, other, 1), 0)
    return sum_where_positive(p, p * xp.where(near, xp.log1p(ratio), xp.log(safe) - log_of(other, xp)), xp)


def entropy(p: ArrayT, /, *, axis: int = -1) -> ArrayT:
    r"""Evaluate the entropy of probability vectors.

    .. math:: H(p) = -\sum_k p_k \log p_k, \qquad 0 \log 0 = 0 .

    Parameters
    ----------
    p : array, real floating, shape ``(..., K)``
        Probabilities; they are not normalised.
    axis : int, default -1
        The class axis.

    Returns
    -------
    array, real floating, shape ``(...)``
        Entropies in nats, on the device of `p`, in float32 for half precision and else in the dtype of `p`.

    Raises
    ------
    TypeError
        If `p` is not real floating.
    ValueError
        If `p` has no such axis.

    See Also
    --------
    cross_entropy : of two vectors.
    scipy.stats.entropy : normalises its argument.

    Notes
    -----
    A negative or nan entry gives nan, without a warning.  K = 0 gives 0, and so does K = 1 with p = 1.
    The derivative at a class of probability 0 is taken as 0.  Lazy-safe: no value is read.

    Source: ``seeds/000`` (ℓ(p, q) with q = p; the objective of the constrained maximum).

    Theorems: minimum-of-the-loss, entropy-and-divergence, classes-of-probability-zero, entropy-of-softmax,
    dual-of-the-linear-model, categorical-family, boltzmann-distribution.

    Examples
    --------
    >>> import numpy as np
    >>> entropy(np.asarray([0.5, 0.5, 0.0]))
    array(0.69314718)
    """
    xp = namespace_of(p=p)
    rows = _rows("p", p, axis, xp)
    with quiet(xp):
        u = rows.last(p)
        value: ArrayT = rows.reduced(cross_entropies(u, u, xp))
        return value


def cross_entropy(p: ArrayT, q: SupportsArray, /, *, axis: int = -1) -> ArrayT:
    r"""Evaluate the cross-entropy of two probability vectors.

    .. math:: \ell(p, q) = -\sum_k p_k \log q_k, \qquad 0 \log 0 = 0 .

    Parameters
    ----------
    p : array, real floating, shape ``(..., K)``
        Target probabilities; they are not normalised.
    q : array, real floating, shape of `p`
        Predicted probabilities; they are not normalised, and cast to the dtype of `p`.
    axis : int, default -1
        The class axis.

    Returns
    -------
    array, real floating, shape ``(...)``
        Cross-entropies in nats, on the device of `p`, in float32 for half precision and else in the dtype of `p`.

    Raises
    ------
    TypeError
        If `p` or `q` is not real floating, or they are not of one library.
    ValueError
        If `p` has no such axis, `q` is not of its shape, or they are not on one device.

    See Also
    --------
    softmax_cross_entropy : of targets and logits; it keeps the digits that probabilities have lost.
    kl_divergence : the cross-entropy less the entropy of p.

    Notes
    -----
    q = 0 where p > 0 gives +inf; a negative or nan entry of p, or of q where p > 0, gives nan; no warning.
    K = 0 gives 0.  Lazy-safe: no value is read.

    Sources: ``seeds/000`` (ℓ), ``seeds/003`` equation 3.

    Theorems: cross-entropy-of-softmax, entropy-and-divergence, classes-of-probability-zero.

    Examples
    --------
    >>> import numpy as np
    >>> cross_entropy(np.asarray([1.0, 0.0]), np.asarray([0.5, 0.5]))
    array(0.69314718)
    """
    return _of_two(p, q, axis, divergence=False)


def kl_divergence(p: ArrayT, q: SupportsArray, /, *, axis: int = -1) -> ArrayT:
    r"""Evaluate the Kullback–Leibler divergence of two probability vectors.

    .. math:: \mathrm{KL}(p \| q) = \sum_k p_k \log \frac{p_k}{q_k}, \qquad 0 \log 0 = 0 .

    Parameters
    ----------
    p : array, real floating, shape ``(..., K)``
        Target probabilities; they are not normalised.
    q : array, real floating, shape of `p`
        Predicted probabilities; they are not normalised, and cast to the dtype of `p`.
    axis : int, default -1
        The class axis.

    Returns
    -------
    array, real floating, shape ``(...)``
        Divergences in nats, on the device of `p`, in float32 for half precision and else in the dtype of `p`.

    Raises
    ------
    TypeError
        If `p` or `q` is not real floating, or they are not of one library.
    ValueError
        If `p` has no such axis, `q` is not of its shape, or they are not on one device.

    See Also
    --------
    cross_entropy : without the entropy of p.
    scipy.special.rel_entr : its terms.

    Notes
    -----
    Where p and q are within a factor of 2, log(p / q) is log1p((p − q) / q), whose numerator is exact.
    q = 0 where p > 0 gives +inf; a negative or nan entry of p, or of q where p > 0, gives nan; no warning.
    K = 0 gives 0.  Lazy-safe: no value is read.

    Source: Kullback and Leibler 1951, doi:10.1214/aoms/1177729694.

    Theorems: minimum-of-the-loss, entropy-and-divergence, classes-of-probability-zero, divergence-is-not-negative,
    dual-of-the-linear-model, divergence-of-families, boltzmann-distribution.

    Examples
    --------
    >>> import numpy as np
    >>> kl_divergence(np.asarray([1.0, 0.0]), np.asarray([0.5, 0.5]))
    array(0.69314718)
    """
    return _of_two(p, q, axis, divergence=True)


def _of_two(p: ArrayT, q: SupportsArray, axis: int, *, divergence: bool) -> ArrayT:
    xp = namespace_of(p=p, q=q)
    rows = _rows("p", p, axis, xp)
    floating_dtype_only("q", q, xp)
    same_shape("q", q, rows.shape, "`p`")
    with quiet(xp):
        core = divergences if divergence else cross_entropies
        value: ArrayT = rows.reduced(core(rows.last(p), rows.last(q), xp))
        return value


def _rows(name: str, x: Array, axis: int, xp: Namespace) -> Rows:
    floating_dtype_only(name, x, xp)
    return Rows.of(name, x, whole_number("axis", axis), xp)

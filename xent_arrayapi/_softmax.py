"""logsumexp, softmax and log_softmax."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

from xent_arrayapi._blocks import Parts, entered
from xent_arrayapi._closed_form import differentiable_rows, is_differentiated
from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._libraries import on_host
from xent_arrayapi._logits import at_temperature
from xent_arrayapi._namespace import quiet
from xent_arrayapi._rows import Rows
from xent_arrayapi._signed import signed_logsumexp
from xent_arrayapi._softmax_rows import LOG_SOFTMAX, LOGSUMEXP, SOFTMAX
from xent_arrayapi._validate import number, real_dtype

if TYPE_CHECKING:
    from xent_arrayapi._blocks import Kind, Part
    from xent_arrayapi._softmax_rows import RowFunction
    from xent_arrayapi._typing import Array, ArrayT, Axis, Namespace, SupportsArray


@overload
def logsumexp(
    x: ArrayT,
    /,
    *,
    axis: Axis = -1,
    weights: SupportsArray | None = None,
    where: SupportsArray | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
) -> ArrayT: ...
@overload
def logsumexp(
    x: ArrayT,
    /,
    *,
    axis: Axis = -1,
    weights: SupportsArray | None = None,
    where: SupportsArray | None = None,
    keepdims: bool = False,
    return_sign: Literal[True],
) -> tuple[ArrayT, ArrayT]: ...
def logsumexp(
    x: ArrayT,
    /,
    *,
    axis: Axis = -1,
    weights: SupportsArray | None = None,
    where: SupportsArray | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
) -> ArrayT | tuple[ArrayT, ArrayT]:
    r"""Evaluate the log-partition function, the logarithm of a sum of exponentials.

    .. math:: A(u) = \log \sum_k w_k e^{u_k}, \qquad w_k = 1 \text{ by default.}

    Its gradient is :func:`softmax` and its Hessian :func:`softmax_jacobian`.

    Parameters
    ----------
    x : array, real, shape ``(..., K)``
        Logits, natural-log scores.  Integers and booleans are promoted to the default floating dtype.
    axis : int, tuple of int or None, default -1
        The class axis or axes; None takes all.
    weights : array, floating or integer, optional
        Weights of the classes, of any sign; they and `x` broadcast against each other.
        A class of weight 0 contributes nothing, whatever it holds, nan included.
    where : array, bool, broadcastable to `x`, optional
        The classes to take; another may hold anything, nan included.
    keepdims : bool, default False
        Whether the result keeps the class axes with size 1.
    return_sign : bool, default False
        Whether to return the sign of the sum as well, and the logarithm of its absolute value.

    Returns
    -------
    value : array, real floating, shape ``(...)``
        A in nats, on the device of `x`, in float32 for half precision and else in the dtype of `x`.
    sign : array, if `return_sign`
        1, −1, 0 where the sum is exactly 0, or nan; of the shape and dtype of `value`.

    Raises
    ------
    TypeError
        If `x` is complex, `weights` neither floating nor integer, or `where` not boolean, or if the arrays are
        not of one library.
    ValueError
        If `x` has no such axis, the shapes do not broadcast, or the arrays are not on one device.

    See Also
    --------
    LogPartition : the same reduction in parts that merge.
    scipy.special.logsumexp : NumPy first, ``axis=None`` by default, `weights` called ``b``.

    Notes
    -----
    With m = max u, ties included, A = m + log1p(Σ exp(u − m) − 1): at most 4 ulp of the larger of \|m\| and
    the log1p.  Empty and all −inf rows give −inf, any +inf gives +inf, any nan gives nan.  A negative sum
    without `return_sign` is nan; a signed sum of exactly 0 is −inf; +inf of both signs is nan.
    torch, backwards, and JAX are given g S for a derivative.  Lazy-safe: no value is read.

    Sources: ``seeds/000`` (logSumExp and its gradient); Blanchard, Higham and Higham 2021,
    doi:10.1093/imanum/draa038, section 4, for the shift and the maximal term left out of the sum.

    Theorems: log-partition, gradient-of-logsumexp, shift-invariance, compensated-shift, rows-in-place,
    weighted-logsumexp, mask, given-derivatives, hessian-of-logsumexp, entropy-of-softmax, categorical-family,
    minimal-form, divergence-of-families, boltzmann-distribution, class-axis, class-axes, no-classes, one-class.

    Examples
    --------
    >>> import numpy as np
    >>> logsumexp(np.asarray([0.0, -50.0]))
    array(1.92874985e-22)
    """
    xp, back, x, weights, where = entered(axis, x=x, weights=weights, where=where)
    if weights is not None:
        real_dtype("weights", weights, xp)
        x, weights = _broadcast(x, weights, xp)
    rows = Rows.of("x", x, axis, xp).unmoved()
    mask, brought, w = rows.mask("where", where), rows.bring(x), None if weights is None else rows.bring(weights)
    if w is None and not on_host(xp) and is_differentiated(x):
        with quiet(xp):
            value = rows.kept(differentiable_rows(LOGSUMEXP, rows, where, 1, logsumexp), keepdims=keepdims)
            return (value, _sign(value, xp)) if return_sign else value

    def work(part: Part) -> tuple[Array, ...]:
        xp, u, left = part.frame.xp, part.rows(brought), None if mask is None else part.mask(mask)
        if w is None:
            value = Evaluation.logsumexp(u, xp, left, in_place=part.in_place)
            if not return_sign:
                return (value,)
            return value, _sign(value, xp)
        v = part.rows(w)
        value, sign = signed_logsumexp(u, v if left is None else xp.where(left, v, 0), xp)
        return (value, sign) if return_sign else (xp.where(sign < 0, xp.nan, value),)

    kinds: list[Kind] = ["column", "column"] if return_sign else ["column"]
    with quiet(xp):
        value, *sign = (back(rows.kept(found, keepdims=keepdims)) for found in Parts(rows, mask, w).run(work, *kinds))
        return (value, *sign) if return_sign else value


def _sign(value: Array, xp: Namespace) -> Array:
    """Return the sign of a sum of exponentials, of its logarithm."""
    return xp.where(value == -xp.inf, 0, xp.where(xp.isnan(value), value, 1))


def _broadcast(x: Array, weights: Array, xp: Namespace) -> tuple[Array, Array]:
    try:
        x, weights = xp.broadcast_arrays(x, weights)
    except (ValueError, RuntimeError, TypeError):
        msg = f"`weights` must broadcast against `x` of shape {tuple(x.shape)}, not have shape {tuple(weights.shape)}."
        raise ValueError(msg) from None
    return x, weights


def _evaluate(function: RowFunction, x: Array, axis: Axis, temperature: float = 1, where: Any = None) -> Array:
    xp, back, x, where = entered(axis, x=x, where=where)
    rows = Rows.of("x", x, axis, xp).unmoved()
    mask, brought = rows.mask("where", where), rows.bring(x)
    temperature = number("temperature", temperature, low=0, high=math.inf, closed=True)
    if temperature and not on_host(xp) and is_differentiated(x):
        with quiet(xp):
            return differentiable_rows(function, rows, where, temperature, partial(_evaluate, function))

    def work(part: Part) -> tuple[Array]:
        xp, u, left = part.frame.xp, part.rows(brought), None if mask is None else part.mask(mask)
        if left is not None:
            u = xp.where(left, u, -xp.inf)
        y = at_temperature(u, temperature, xp)
        got = Evaluation.of(y, xp, left, in_place=part.in_place, room=part.room, **function.asked)
        return (function.value(got),)

    with quiet(xp):
        (found,) = Parts(rows, mask).run(work, "rows")
        return back(found)


def softmax(x: ArrayT, /, *, axis: Axis = -1, temperature: float = 1.0, where: SupportsArray | None = None) -> ArrayT:
    r"""Evaluate softmax, the gradient of the log-partition function.

    .. math:: S_k(u) = \frac{e^{u_k}}{\sum_j e^{u_j}}, \qquad u = x / T .

    Parameters
    ----------
    x : array, real, shape ``(..., K)``
        Logits, natural-log scores.  Integers and booleans are promoted to the default floating dtype.
    axis : int, tuple of int or None, default -1
        The class axis or axes; None takes all.
    temperature : float, default 1.0
        T in [0, inf]: 0 is the limit uniform over the maxima, inf the one uniform over the finite logits.
    where : array, bool, broadcastable to `x`, optional
        The classes to take; another has probability 0 and may hold anything, nan included.

    Returns
    -------
    array, real floating, shape of `x`
        Probabilities, on the device and in the dtype of `x`.

    Raises
    ------
    TypeError
        If `x` is complex, `where` not boolean, `temperature` not a Python number, or the arrays not of one library.
    ValueError
        If `x` has no such axis, `where` does not broadcast, `temperature` is negative or nan, or the arrays are
        not on one device.

    See Also
    --------
    log_softmax : its logarithm, finite where a probability underflows.
    softmax_jacobian, softmax_jvp : its derivative.

    Notes
    -----
    At most 6 ulp an element for K up to 1000 and 8 for K up to 100 000, and one subnormal spacing more where the
    result is subnormal.  A row with +inf shares its mass among its +inf entries; a row that is −inf throughout
    has no softmax and is nan; one with nan is nan; one where the mask leaves no class is 0.  K = 0 gives the
    empty array, K = 1 ones.  Half precision is computed in float32.  torch, backwards, and JAX are given
    S ∘ (v − ⟨S, v⟩) for a derivative, with the digits of a small one.  Lazy-safe: no value is read.

    Sources: ``seeds/000`` (definition), ``seeds/001`` equation 1.

    Theorems: log-partition, gradient-of-logsumexp, shift-invariance, compensated-shift, rows-in-place, mask,
    temperature, true-maximum, temperature-zero, jacobian-of-softmax, derivative-of-log-softmax, given-derivatives,
    logistic-function, entropy-of-softmax, maximum-likelihood, gradient-of-the-linear-model, dual-of-the-linear-model,
    categorical-family, minimal-form, divergence-of-families, boltzmann-distribution, class-axis, class-axes,
    one-class.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.asarray([0.0, 1.0, -np.inf]))
    array([0.26894142, 0.73105858, 0.        ])
    """
    value: ArrayT = _evaluate(SOFTMAX, x, axis, temperature, where)
    return value


def log_softmax(
    x: ArrayT, /, *, axis: Axis = -1, temperature: float = 1.0, where: SupportsArray | None = None
) -> ArrayT:
    r"""Evaluate the logarithm of softmax.

    .. math:: \log S_k(u) = (u_k - m) - \operatorname{log1p}(t), \qquad u = x / T,

    with m and t of :class:`LogPartition`: two terms of one sign, so that nothing cancels.

    Parameters
    ----------
    x : array, real, shape ``(..., K)``
        Logits, natural-log scores.  Integers and booleans are promoted to the default floating dtype.
    axis : int, tuple of int or None, default -1
        The class axis or axes; None takes all.
    temperature : float, default 1.0
        T in [0, inf]: 0 is the limit uniform over the maxima, inf the one uniform over the finite logits.
    where : array, bool, broadcastable to `x`, optional
        The classes to take; another has log-probability −inf and may hold anything, nan included.

    Returns
    -------
    array, real floating, shape of `x`
        Log-probabilities in nats, on the device and in the dtype of `x`.

    Raises
    ------
    TypeError
        If `x` is complex, `where` not boolean, `temperature` not a Python number, or the arrays not of one library.
    ValueError
        If `x` has no such axis, `where` does not broadcast, `temperature` is negative or nan, or the arrays are
        not on one device.

    See Also
    --------
    softmax : the probabilities.
    scipy.special.log_softmax : loses every digit of the log-probability of a dominant class.

    Notes
    -----
    At most 6 ulp an element for K up to 1000 and 8 for K up to 100 000.  Special rows are the logarithm of those
    of :func:`softmax`; a result below the range of the dtype is −inf.  K = 0 gives the empty array, K = 1 zeros.
    Half precision is computed in float32.  torch, backwards, and JAX are given g − S Σg for a derivative, with
    the digits of 1 − S.  Lazy-safe: no value is read.

    Source: ``seeds/000`` (the expansion of h), with p one-hot.

    Theorems: log-partition, shift-invariance, compensated-shift, rows-in-place, mask, temperature, temperature-zero,
    derivative-of-log-softmax, given-derivatives, class-axis, one-class.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.asarray([0.0, -50.0]))
    array([-1.92874985e-22, -5.00000000e+01])
    """
    value: ArrayT = _evaluate(LOG_SOFTMAX, x, axis, temperature, where)
    return value

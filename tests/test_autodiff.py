"""Rule 28: the libraries differentiate through every function, to what the library has in closed form."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.conftest import close
from tests.test_properties import outputs as run
from xent_arrayapi import LogPartition, SigmoidCrossEntropy, SoftmaxCrossEntropy

pytestmark = pytest.mark.autodiff

INF = np.inf
TIED = np.asarray([[1.0, 1.0, 1.0, -0.5], [-INF, 2.0, 2.0, -INF], [0.25, -3.0, 40.0, 40.0]])
"""Ties of all sizes, at the maximum and below, and −inf; labels 1, 2, 3 leave the −inf without weight."""
LABELS = np.asarray([1, 2, 3])
V = np.asarray([[1.0, -2.0, 0.5, 3.0], [0.25, 1.0, -1.0, 2.0], [-1.0, 0.5, 2.0, 1.0]])
HOLES = np.where([[False, False, True, False], [True, False, False, True], [False] * 4], np.nan, TIED)
POSITIVE = np.where(np.isinf(TIED), 0.0, 0.75)  # no mass where the logit is −inf


def tools(be: Any) -> SimpleNamespace:
    """Return the transformations of torch.func or of JAX under one name each."""
    of = be.module.func if be.package == "torch" else be.module

    def jvp(function: Any, x: Any, v: Any) -> Any:
        return of.jvp(function, (x,), (v,))[1]

    return SimpleNamespace(grad=of.grad, jvp=jvp, vmap=of.vmap, hessian=of.hessian, jacrev=of.jacrev, jacfwd=of.jacfwd)


def outputs(be: Any, function: Any, *arrays: Any) -> Any:
    """Run a function; JAX as one program, since op by op it compiles each op of each derivative by itself."""
    return run(be, be.module.jit(function) if be.package == "jax" else function, *arrays)


def agree(be: Any, got: Any, expected: Any, *, roundings: float = 64) -> None:
    """Compare to some roundings of the largest entry: sums of both signs lose no more."""
    expected = np.asarray(expected)
    assert np.all(np.isfinite(expected))
    got = got if isinstance(got, np.ndarray) else be.numpy(got)
    close(got, expected, rtol=0, atol=roundings * be.eps * max(1.0, np.max(np.abs(expected), initial=0)))


def loss_options(be: Any) -> dict[str, tuple[np.ndarray, Any, dict[str, Any]]]:
    """Return logits, targets and options of each kind."""
    array = be.array
    nan_row = np.concatenate([TIED[:2], np.full((1, 4), np.nan)])
    rows = np.asarray([[0.25, 0.5, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    soft = {"label_smoothing": 0.125, "where": array(~np.isnan(HOLES))}
    return {
        "none": (TIED, LABELS, {}),
        "rows": (TIED, rows, {"normalizer": "batch"}),
        "sum": (TIED, LABELS, {"reduction": "sum"}),
        "class_weights": (TIED, LABELS, {"class_weights": array([1.0, 0.5, 0.0, 2.0])}),
        "sample_weight": (nan_row, LABELS, {"sample_weight": array([2.0, 0.5, 0.0])}),
        "ignore_index": (nan_row, np.asarray([1, 2, -7]), {"ignore_index": -7, "normalizer": "count"}),
        "label_smoothing": (HOLES, LABELS, soft),
        "temperature": (TIED, LABELS, {"temperature": 1.75, "normalizer": 2.5}),
        "softcap": (TIED, LABELS, {"softcap": 3.0, "normalizer": array(2.0)}),
        "z_loss": (TIED, LABELS, {"z_loss": 0.25}),
        "where": (HOLES, rows * ~np.isnan(HOLES), {"where": array(~np.isnan(HOLES))}),
        "all": (
            np.where(np.isnan(HOLES), np.nan, TIED),
            LABELS,
            soft | {"class_weights": array([1.0, 0.5, 0.0, 2.0]), "sample_weight": array([2.0, 0.5, 1.0])}
            | {"temperature": 1.75, "softcap": 3.0, "z_loss": 0.25, "ignore_index": 1},
        ),
    }  # fmt: skip


NAMES = (
    *("none", "rows", "sum", "class_weights", "sample_weight", "ignore_index"),
    *("label_smoothing", "temperature", "softcap", "z_loss", "where", "all"),
)


def names_of(be: Any) -> tuple[str, ...]:
    """Return the options to differentiate under: all, or fewer where each takes seconds to compile."""
    fewer = {
        "torch-compile": ("all",),
        "jax": ("rows", "where"),
        "jax-x32": ("none",),
        "jax-jit": ("sample_weight", "z_loss", "all"),
    }
    return fewer.get(be.name, NAMES)


def test_the_loss_to_second_order(be):
    """Values and closed forms, differentiated forwards and backwards, under each option and all together."""
    assert set(NAMES) == set(loss_options(be))
    d = tools(be)
    for name in names_of(be):
        logits, targets, options = loss_options(be)[name]
        h = SoftmaxCrossEntropy(be.array(targets), **options)

        def closed(u: Any, v: Any, h: Any = h) -> Any:
            return h.grad(u), h.hvp(u, v), h.hessian(u), h.hessian_diag(u)

        def differentiated(u: Any, v: Any, h: Any = h) -> Any:
            of_gradient = (d.jvp(d.grad(h), u, v), d.grad(lambda u: (h.grad(u) * v).sum())(u))
            return d.grad(h)(u), d.jvp(h, u, v), d.jvp(h.grad, u, v), *of_gradient, d.hessian(h)(u)

        u, v = be.array(logits), be.array(V)
        gradient, product, blocks, diagonal = outputs(be, closed, u, v)
        got = outputs(be, differentiated, u, v)
        agree(be, got[0], gradient)
        agree(be, got[1], np.sum(gradient * V))
        for derivative in got[2:5]:
            agree(be, derivative, product)
        agree(be, got[5], np.einsum("nij,nm->nimj", blocks, np.eye(3)))
        agree(be, diagonal, np.diagonal(blocks, axis1=1, axis2=2))


def test_gradients_as_they_are_called(be):
    """One gradient as a user writes it, eagerly where the backend is eager."""
    h = SoftmaxCrossEntropy(be.array(LABELS))
    agree(be, be.run(tools(be).grad(h), be.array(TIED)), be.numpy(h.grad(be.array(TIED))))


def test_a_positive_weight_at_minus_infinity_leaves_the_gradient_finite(be):
    """Rule 3 through autodiff of the closed form: the loss is +inf, the gradient S − p and its derivative finite."""
    u, h, d = be.array(TIED), SoftmaxCrossEntropy(be.array([1, 0, 3])), tools(be)
    got = outputs(be, lambda u, v: (h(u), d.jvp(h.grad, u, v), h.hvp(u, v)), u, be.array(V))
    assert got[0] == INF
    agree(be, got[1], got[2])


def test_the_logistic_loss_to_second_order(be):
    options = {"sample_weight": be.array([1.0, 2.0, 0.5, 0.0]), "label_smoothing": 0.125, "temperature": 1.5}
    h = SigmoidCrossEntropy(be.array([0.0, 0.75, 1.0, 0.5]), pos_weight=be.array(2.0), **options)
    d = tools(be)

    def both(u: Any, v: Any) -> Any:
        closed = (h.grad(u), h.hvp(u, v), h.hessian(u))
        return *closed, d.grad(h)(u), d.jvp(h.grad, u, v), d.hessian(h)(u)

    got = outputs(be, both, be.array([0.0, -3.0, 40.0, np.nan]), be.array(V[0]))
    agree(be, got[3], got[0])
    agree(be, got[4], got[1])
    agree(be, got[5], np.diag(got[2]))


def test_the_family_of_softmax(be):
    """∇A = S, ∇²A = ∇S = diag S − S Sᵀ, ∇ log S = 1 − 1 Sᵀ, each forwards and backwards, row by row."""
    d = tools(be)

    def merged(u: Any) -> Any:
        return LogPartition.of(u[:2]).merge(LogPartition.of(u[2:])).logsumexp

    def everything(u: Any, v: Any) -> Any:
        return (
            *(xent.softmax(u), xent.softmax_jacobian(u), xent.softmax_jvp(u, v)),
            *(d.grad(f)(u) for f in (xent.logsumexp, lambda u: LogPartition.of(u).logsumexp, merged)),
            *(d.hessian(f)(u) for f in (xent.logsumexp, merged)),
            *(d.jacrev(xent.softmax)(u), d.jacrev(lambda v: xent.softmax_jvp(u, v))(v)),
            *(d.jvp(xent.softmax, u, v), d.jacrev(xent.log_softmax)(u)),
        )

    for row in TIED:
        s, jacobian, product, *got = outputs(be, everything, be.array(row), be.array(V[0]))
        for gradient in got[:3]:
            agree(be, gradient, s)
        for matrix in got[3:7]:
            agree(be, matrix, jacobian)
        agree(be, got[7], product)
        finite = np.isfinite(row)
        agree(be, got[8][finite], (np.eye(4) - s)[finite])


def test_weights_masks_and_temperature(be):
    d, u = tools(be), np.asarray([0.5, 0.5, -INF, 2.0])
    weights, held = np.asarray([2.0, -1.0, 0.0, 0.5]), np.asarray([2.0, -1.0, 0.25, 0.5])
    w, where, x = be.array(weights), be.array([True, True, True, False]), be.array([0.5, 0.5, 1.0, 2.0])

    def everything(u: Any, held: Any) -> Any:
        return (
            d.grad(lambda u: xent.logsumexp(u, weights=w))(u),
            d.hessian(lambda u: xent.logsumexp(u, weights=w, return_sign=True)[0])(u),
            d.grad(lambda held: xent.logsumexp(x, weights=held))(held),
            d.grad(lambda u: xent.logsumexp(u, where=where))(u),
            d.jacrev(lambda u: xent.softmax(u, where=where, temperature=2.0))(u),
            *(d.jacrev(lambda u, t=t: xent.softmax(u, temperature=t))(u) for t in (0.0, INF)),
        )

    got = outputs(be, everything, be.array(u), be.array(held))
    signed = weights * np.exp(u) / np.sum(weights * np.exp(u))
    agree(be, got[0], signed)
    agree(be, got[1], np.diag(signed) - np.outer(signed, signed))
    agree(be, got[2], np.exp([0.5, 0.5, 1.0, 2.0]) / np.sum(held * np.exp([0.5, 0.5, 1.0, 2.0])))
    agree(be, got[3], [0.5, 0.5, 0, 0])
    agree(be, got[4], np.asarray([[1.0, -1.0, 0, 0], [-1.0, 1.0, 0, 0], [0] * 4, [0] * 4]) / 8)
    for limit in got[5:]:
        agree(be, limit, np.zeros((4, 4)))


def test_third_derivatives_at_ties(be):
    """The third derivative of A along v is the third central moment of v under softmax, whatever it is taken of."""
    d = tools(be)

    def third(u: Any, v: Any, t: Any) -> Any:
        line = d.grad(d.grad(d.grad(lambda t: xent.logsumexp(u + t * v))))(t)
        return xent.softmax(u), d.jvp(lambda u: xent.softmax_jvp(u, v), u, v), d.jvp(xent.softmax_jacobian, u, v), line

    for row in ([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, -2.0, -2.0], [-60.0, 0.5, 0.5, 0.5]):
        s, product, blocks, line = outputs(be, third, be.array(row), be.array(V[0]), be.array(0.0))
        moment = np.sum(s * (V[0] - np.sum(s * V[0])) ** 3)
        agree(be, np.asarray(product @ V[0]), moment)
        agree(be, np.asarray(V[0] @ blocks @ V[0]), moment)
        agree(be, line, moment)


def test_sigmoids(be):
    d = tools(be)

    def everything(x: Any, v: Any, finite: Any) -> Any:
        def logs(x: Any) -> Any:
            return xent.log_sigmoid(x).sum()

        closed = (xent.sigmoid(x), xent.sigmoid(-x))
        return *closed, d.jvp(xent.sigmoid, x, v), d.grad(logs)(finite), d.hessian(logs)(finite)

    u = np.asarray([0.0, -30.0, 30.0, -INF, INF])
    s, c, *got = outputs(be, everything, be.array(u), be.array(np.ones(5)), be.array(u[:3]))
    agree(be, got[0], s * c)
    agree(be, got[1], c[:3])
    agree(be, got[2], -np.diag(s * c)[:3, :3])


def test_probability_vectors(be):
    """At p = 0 the entropy has derivative 0 by convention; the divergences have a finite one."""
    d = tools(be)
    p, q = np.asarray([0.5, 0.25, 0.25, 0.0]), np.asarray([0.125, 0.25, 0.5, 0.125])

    def everything(x: Any, y: Any) -> Any:
        return (
            d.grad(xent.entropy)(x),
            d.grad(lambda y: xent.cross_entropy(x, y))(y),
            d.grad(lambda y: xent.kl_divergence(x, y))(y),
            d.grad(lambda x: xent.kl_divergence(x, y))(x),
            d.hessian(lambda y: xent.kl_divergence(x, y))(y),
        )

    got = outputs(be, everything, be.array(p), be.array(q))
    inside = p > 0
    logs = np.log(np.where(inside, p, 1))
    agree(be, got[0], np.where(inside, -logs - 1, 0))
    agree(be, got[1], -p / q)
    agree(be, got[2], -p / q)
    agree(be, got[3][inside], (logs - np.log(q) + 1)[inside])
    assert np.all(np.isfinite(got[3]))
    agree(be, got[4], np.diag(p / q**2))


def test_vmap_over_problems(be):
    """A loss made inside vmap, over batches of logits and labels, is the loss of each."""
    d = tools(be)
    u, t = np.stack([TIED, TIED[::-1]]), np.stack([LABELS, LABELS[::-1]])

    def one(u: Any, t: Any) -> Any:
        h = SoftmaxCrossEntropy(t, check_values=False)
        return *h.value_and_grad(u), h.hvp(u, u * 0 + 1), d.grad(h)(u)

    logits = np.where(np.isinf(u), -50.0, u)
    got = outputs(be, d.vmap(one), be.array(logits), be.array(t))
    for k in (0, 1):
        for x, expected in zip(got, outputs(be, one, be.array(logits[k]), be.array(t[k])), strict=True):
            agree(be, x[k], expected)


def test_numerical_derivatives(be):
    """The libraries' own checks against differences, in the widest dtype, forwards and backwards, twice."""
    weights = be.array([1.0, 0.5, 2.0])
    h = SoftmaxCrossEntropy(
        be.array([0, 2]), class_weights=weights, label_smoothing=0.1, temperature=1.5, softcap=2.0, z_loss=0.1
    )
    functions = [h, h.grad, xent.softmax, xent.log_softmax, xent.logsumexp, xent.softmax_jacobian]
    u = be.array([[0.3, -0.2, 1.1], [0.9, 0.4, -0.7]])
    if be.package == "torch":
        check = be.module.autograd
        u = u.requires_grad_()
        for function in functions:
            assert check.gradcheck(function, (u,), check_forward_ad=True)
            assert check.gradgradcheck(function, (u,))
        return
    check_grads, asarray = importlib.import_module("jax.test_util").check_grads, be.jnp.asarray
    tolerance = {} if be.has_float64 else {"atol": 0.05, "rtol": 0.05, "eps": 0.01}  # float32 differences: √eps, twice
    function = {"jax-jit": xent.log_softmax}.get(be.name, h)
    check_grads(be.module.jit(lambda u: function(asarray(u))), (u,), order=2, **tolerance)


def test_compiled_forwards_and_backwards(be):
    """One graph, no break, through the compiler that users have: inductor, or XLA."""
    logits, targets, options = loss_options(be)["all"]
    u, t = be.array(logits), be.array(targets)

    def value(u: Any, t: Any) -> Any:
        return SoftmaxCrossEntropy(t, check_values=False, **options)(u)

    h = SoftmaxCrossEntropy(t, **options)
    if be.package == "torch":
        u = u.requires_grad_()
        compiler = "inductor" if be.name == "torch-compile" else "aot_eager"
        be.module.compiler.reset()
        got = be.module.compile(value, fullgraph=True, backend=compiler, dynamic=False)(u, t)
        (gradient,) = be.module.autograd.grad(got, u)
    else:
        got, gradient = be.module.jit(be.module.value_and_grad(value))(u, t)
    agree(be, got, be.numpy(h(u)))
    agree(be, gradient, be.numpy(h.grad(u)))

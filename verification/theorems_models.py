r"""Theorems on the models of the documents: maximum likelihood, the linear model, the categorical family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xent_arrayapi as xent
from verification._results import Theorem
from verification.theorems_partition import REAL
from xent_arrayapi._linear import LinearLoss, logits_of, second_moments, stochastic_gradient

if TYPE_CHECKING:
    from verification._setting import Setting


def likelihood(s: Setting) -> None:
    """Compare the logarithm of the likelihood with the loss, for targets of one 1."""
    u, y = s.reals("u", "NK"), s.labels("y", "N")
    onehot = s.xp.where(s.xp.arange(s.size("K")) == y[:, None], s.xp.ones_like(u), 0)
    probs, rows = xent.softmax(u), xent.SoftmaxCrossEntropy(y, reduction="none")(u)
    total, mean = xent.softmax_cross_entropy(u, y, reduction="sum"), xent.softmax_cross_entropy(u, y)

    def log_likelihood(n: Any) -> Any:
        return s.sum("K", lambda k: s.at(onehot, n, k) * s.log(s.at(probs, n, k)))

    for (n,) in s.indices("N"):
        s.equal(r"$J_n = \sum_k y_{nk} \log P_{nk} = -h_n$", log_likelihood(n), -s.at(rows, n))
    log_l = s.sum("N", log_likelihood)
    s.equal(r"$\log L = \sum_n J_n = -\sum_n h_n$", log_l, -s.at(total))
    s.equal(r"the mean loss is $-\frac{1}{N} \log L$", s.at(mean) * s.sum("N", lambda _: s.term(1)), -log_l)


def chain_rule(s: Setting) -> None:
    """Go through the probabilities, in both signs."""
    u, y = s.reals("u", "NK"), s.probabilities("y", "NK", summed=s.given(r"$\sum_k y_k = 1$"))
    probs, jacobian = xent.softmax(u), xent.softmax_jacobian(u)
    gradient = xent.SoftmaxCrossEntropy(y, reduction="none").grad(u)
    through = xent.softmax_jvp(u, y / probs)
    for n, k in s.indices("NK"):
        chain = s.sum("K", lambda i: s.at(y, n, i) / s.at(probs, n, i) * s.at(jacobian, n, i, k))
        residual = s.at(y, n, k) - s.at(probs, n, k)
        s.equal(r"$\sum_i \frac{y_i}{P_i} \frac{\partial P_i}{\partial u_k} = y_k - P_k$", chain, residual)
        s.equal(r"$\nabla h = -\nabla J = P - y$", s.at(gradient, n, k), -chain)
        s.equal(r"$J^\top (y / P) = y - P$", s.at(through, n, k), residual)


def linear_model(s: Setting) -> None:
    """Differentiate the mean loss of a linear model by its parameters, once and along a tangent."""
    x, w, b = s.reals("x", "ND"), s.reals("W", "KD"), s.reals("b", "K")
    y = s.probabilities("y", "NK", summed=s.given(r"$\sum_k y_{nk} = 1$"))
    model = LinearLoss(x, xent.SoftmaxCrossEntropy(y, normalizer="batch"), s.xp)
    value, of_w, of_b = model.value_and_grad(w, b)
    probs, rows = xent.softmax(logits_of(x, w, b, s.xp)), s.sum("N", lambda _: s.term(1))
    for k, d in s.indices("KD"):
        expected = s.sum("N", lambda n: s.at(probs, n, k) * s.at(x, n, d)) / rows
        observed = s.sum("N", lambda n: s.at(y, n, k) * s.at(x, n, d)) / rows
        slope = s.diff(s.at(value), w, k, d)
        s.equal(r"$\partial f / \partial W_{kd} = E_{\mathrm{est}} - E_{\mathrm{obs}}$", slope, expected - observed)
        s.equal(r"and $\sum_n (\nabla_u f)_{nk} x_{nd}$ is that", s.at(of_w, k, d), slope)
        slope = s.diff(s.at(value), b, k)
        difference = s.sum("N", lambda n: s.at(probs, n, k) - s.at(y, n, k)) / rows
        s.equal(r"$\partial f / \partial b_k = \frac{1}{N} \sum_n (P_{nk} - y_{nk})$", slope, difference)
        s.equal(r"and $\sum_n (\nabla_u f)_{nk}$ is that", s.at(of_b, k), slope)


def linear_model_along(s: Setting) -> None:
    """Follow the gradient of a linear model along a tangent of its parameters, of many classes and of two."""
    x, v, c = s.reals("x", "ND"), s.reals("V", "KD"), s.reals("c", "K")
    w, b, y = s.reals("W", "KD"), s.reals("b", "K"), s.positives("y", "NK")
    h = xent.SoftmaxCrossEntropy(y, reduction="sum")
    u, tangent = logits_of(x, w, b, s.xp), logits_of(x, v, c, s.xp)
    value, of_w, of_b, along = LinearLoss(x, h, s.xp).linearize(w, b)
    once, product = h.grad(u), h.hvp(u, tangent)
    s.equal("`linearize` gives the value", s.at(value), s.at(h(u)))
    along_w, along_b = along.both(v, c)
    alone, moved_b = along.intercept(c), h.hvp(u, s.xp.broadcast_to(c, u.shape))
    for k, d in s.indices("KD"):
        s.equal("the gradient by W", s.at(of_w, k, d), s.sum("N", lambda n: s.at(once, n, k) * s.at(x, n, d)))
        s.equal("the gradient by b", s.at(of_b, k), s.sum("N", lambda n: s.at(once, n, k)))
        back = s.sum("N", lambda n: s.at(product, n, k) * s.at(x, n, d))
        s.equal(r"$\nabla^2 f (V, c)$ by $W$ is $(\nabla^2 h \, (X V^\top + c))^\top X$", s.at(along_w, k, d), back)
        s.equal("and by b its sum", s.at(along_b, k), s.sum("N", lambda n: s.at(product, n, k)))
    for (k,) in s.indices("K"):
        back = s.sum("N", lambda n: s.at(moved_b, n, k))
        s.equal(r"$\nabla^2 f (0, c)$ by $b$ is $\sum_n \nabla^2 h \, c$", s.at(alone, k), back)
    for n, k in s.indices("NK"):
        moved = s.sum("D", lambda d: s.at(x, n, d) * s.at(v, k, d)) + s.at(c, k)
        s.equal(r"$u = X V^\top + c$", s.at(tangent, n, k), moved)
    r = s.positives("s", "N")
    squares, sums = second_moments(x, r[:, None], s.xp)
    for d, e in s.indices("DD"):
        both = s.sum("N", lambda n: s.at(r, n) * s.at(x, n, d) * s.at(x, n, e))
        s.equal(r"$\sum_n s_n x_{nd} x_{ne}$", s.at(squares, d, e), both)
        s.equal(r"$\sum_n s_n x_{nd}$", s.at(sums, d), s.sum("N", lambda n: s.at(r, n) * s.at(x, n, d)))


def dual(s: Setting) -> None:
    """Hold the loss against the entropy of any distribution: the terms of the dual of the penalised loss."""
    u, y = s.reals("u", "NK"), s.labels("y", "N")
    q = s.probabilities("q", "NK", summed=s.given(r"$\sum_k q_k = 1$"))
    loss = xent.softmax_cross_entropy(u, y, reduction="none")
    entropy, divergence = xent.entropy(q), xent.kl_divergence(q, xent.softmax(u))
    for (n,) in s.indices("N"):
        inner = s.sum("K", lambda k: s.at(q, n, k) * s.at(u, n, k)) - s.at(u, n, s.at(y, n))
        s.equal(
            r"$h(u) - H(q) = \langle q - y, u \rangle + \mathrm{KL}(q \Vert S(u))$",
            s.at(loss, n) - s.at(entropy, n),
            inner + s.at(divergence, n),
        )


def minibatch(s: Setting) -> None:
    """Draw rows at random: the gradient of what is drawn is linear in how often, and that of all rows on average."""
    x, w, b = s.reals("x", "ND"), s.reals("W", "KD"), s.reals("b", "K")
    y, r, drawn = s.positives("y", "NK"), s.positives("s", "N"), s.positives("m", "N")
    size, alpha, total = s.number("B"), s.number("alpha"), s.sum("N", lambda n: s.at(r, n))
    rows = s.sum("N", lambda _: s.term(1))
    u = logits_of(x, w, b, s.xp)
    each = xent.SoftmaxCrossEntropy(y, reduction="none").grad(u)
    batch = xent.SoftmaxCrossEntropy(y, sample_weight=r * drawn, reduction="sum")
    rate = s.reals("rate", "")
    of_w, of_b = stochastic_gradient(LinearLoss(x, batch, s.xp), w, b, rate, alpha)
    mean = xent.SoftmaxCrossEntropy(y, sample_weight=r, normalizer=1, reduction="mean")
    f = mean(u)
    for k, d in s.indices("KD"):
        pulled = s.sum("N", lambda n: s.at(drawn, n) * s.at(r, n) * s.at(each, n, k) * s.at(x, n, d))
        pull = s.term(alpha) * s.at(w, k, d)
        s.equal(
            r"by $W$ it is $r \sum_n m_n s_n (\nabla h_n)_k x_{nd} + \alpha W_{kd}$",
            s.at(of_w, k, d),
            s.at(rate) * pulled + pull,
        )
        pulled = s.sum("N", lambda n: s.at(drawn, n) * s.at(r, n) * s.at(each, n, k))
        s.equal(r"by $b$ it is $r \sum_n m_n s_n (\nabla h_n)_k$", s.at(of_b, k), s.at(rate) * pulled)
        on_average = s.term(size) / rows
        scale = rows / (s.term(size) * total)
        expected = scale * s.sum("N", lambda n: on_average * s.at(r, n) * s.at(each, n, k) * s.at(x, n, d))
        s.equal(r"for $m_n = B / N$ it is that of the mean", expected, s.diff(s.at(f), w, k, d) / total)


def exponential_family(s: Setting) -> None:
    """Write the categorical distribution in natural parameters, relative to any class."""
    theta, y = s.probabilities("theta", "NK", summed=s.given(r"$\sum_k \theta_k = 1$")), s.labels("y", "N")
    for n, r in s.indices("NK"):
        eta = s.xp.log(theta) - s.xp.log(_column(s, theta, r))
        family = xent.Categorical(eta)
        a, mean, covariance = family.log_normalizer, family.mean, family.covariance
        s.equal(r"$A(\eta) = -\log \theta_r$", s.at(a, n), -s.log(s.at(theta, n, r)))
        s.equal(r"$\eta_r = 0$", s.at(eta, n, r), s.term(0))
        label = s.at(y, n)
        log_pmf = s.at(eta, n, label) - s.at(a, n)
        s.equal(
            r"$\log p(y) = \langle x, \eta \rangle - A(\eta) = \log \theta_y$", log_pmf, s.log(s.at(theta, n, label))
        )
        loss = xent.softmax_cross_entropy(eta, y, reduction="none")
        s.equal(r"the loss is $-\log p(y)$", s.at(loss, n), -log_pmf)
        s.equal(r"as a method: $\log p(y)$", s.at(family.log_prob(y), n), log_pmf)
        entropy = s.at(a, n) - s.sum("K", lambda k: s.at(theta, n, k) * s.at(eta, n, k))
        s.equal(r"$H(\theta) = A - \langle \eta, \nabla A \rangle$", s.at(xent.entropy(theta), n), entropy)
        for m, i, j in s.indices("NKK"):
            s.equal(r"$\nabla A(\eta) = \theta$", s.at(mean, m, i), s.at(theta, m, i))
            both = (int(i == j) - s.at(theta, m, j)) * s.at(theta, m, i)
            s.equal(r"$\nabla^2 A(\eta) = \operatorname{Cov} x$", s.at(covariance, m, i, j), both)


def minimal_form(s: Setting) -> None:
    """Differentiate A by the K − 1 natural parameters that are left when that of one class is 0."""
    u = s.reals("u", "NK")
    for n, i, j, r in s.indices("NKKK"):
        if r in (i, j):
            continue
        eta = u - _column(s, u, r)
        a, theta = xent.logsumexp(eta), xent.softmax(eta)
        slope = s.diff(s.at(a, n), u, n, i)
        s.equal(r"$\partial A / \partial \eta_i = \theta_i$ for $i \ne r$", slope, s.at(theta, n, i))
        both = (int(i == j) - s.at(theta, n, j)) * s.at(theta, n, i)
        s.equal(
            r"$\partial^2 A / \partial \eta_i \partial \eta_j = \operatorname{Cov}(x_i, x_j)$",
            s.diff(slope, u, n, j),
            both,
        )


def _column(s: Setting, theta: Any, r: Any) -> Any:
    """Return one column of an array, as a column."""
    hit = s.xp.arange(s.size("K")) == s.xp.zeros_like(theta, dtype=s.xp.int64) + r
    return s.xp.sum(s.xp.where(hit, theta, 0), axis=-1, keepdims=True)


def bregman(s: Setting) -> None:
    """Compare the divergence of two families with that of A."""
    u, v = s.reals("u", "NK"), s.reals("v", "NK")
    p, a, b = xent.softmax(u), xent.logsumexp(u), xent.logsumexp(v)
    divergence = xent.kl_divergence(p, xent.softmax(v))
    of_families = xent.Categorical(u).kl_divergence(xent.Categorical(v))
    for (n,) in s.indices("N"):
        inner = s.sum("K", lambda k: (s.at(v, n, k) - s.at(u, n, k)) * s.at(p, n, k))
        s.equal("from the logits: the same", s.at(of_families, n), s.at(b, n) - s.at(a, n) - inner)
        s.equal(
            r"$\mathrm{KL}(S(u) \Vert S(v)) = A(v) - A(u) - \langle v - u, \nabla A(u) \rangle$",
            s.at(divergence, n),
            s.at(b, n) - s.at(a, n) - inner,
        )


MODELS = (
    Theorem(
        "maximum-likelihood",
        "Maximum likelihood is minimum cross-entropy",
        r"\log L = \sum_n \sum_k y_{nk} \log P_{nk} = -\sum_n h_n",
        likelihood,
        ("seeds/001, equations 8 to 10",),
        covers=("SoftmaxCrossEntropy", "softmax_cross_entropy", "softmax"),
        assumptions=(REAL, "$y$ one-hot"),
    ),
    Theorem(
        "chain-rule",
        "The gradient by the chain rule, in both signs",
        r"\sum_i \frac{y_i}{P_i} \frac{\partial P_i}{\partial u_k} = y_k - P_k, \qquad \nabla h = P - y",
        chain_rule,
        ("seeds/001, equations 11 to 13", "seeds/003"),
        covers=("SoftmaxCrossEntropy.grad", "softmax_jacobian", "softmax_jvp"),
        assumptions=(REAL, "$y$ positive"),
        hypotheses=(r"$\sum_k y_k = 1$",),
    ),
    Theorem(
        "gradient-of-the-linear-model",
        "The gradient of the linear model is a difference of expectations",
        r"\frac{\partial f}{\partial W_{kd}} = \frac{1}{N} \sum_n P_{nk} x_{nd} - \frac{1}{N} \sum_n y_{nk} x_{nd}"
        r" = E_{\mathrm{est}} - E_{\mathrm{obs}}",
        linear_model,
        ("seeds/001, equations 2 and 13",),
        covers=("SoftmaxCrossEntropy", "SoftmaxCrossEntropy.value_and_grad", "softmax"),
        assumptions=("$x, W, b$ real", "$y$ positive"),
        hypotheses=(r"$\sum_k y_{nk} = 1$",),
        sizes=(2,),
        slow=True,
    ),
    Theorem(
        "hessian-of-the-linear-model",
        "The Hessian of the linear model along a tangent",
        r"\nabla^2 f (V, c) = \bigl( R^\top X, \; R^\top 1 \bigr), \qquad R = \nabla^2 h(u) \, (X V^\top + c)",
        linear_model_along,
        ("seeds/001, equations 2 and 13, differentiated once more",),
        covers=("SoftmaxCrossEntropy.linearize", "SoftmaxCrossEntropy.hvp"),
        assumptions=("$x, W, b, V, c$ real", "$y, s$ positive"),
        sizes=(2,),
        slow=True,
    ),
    Theorem(
        "dual-of-the-linear-model",
        "What the loss of a row exceeds the entropy of a distribution by",
        r"h(u) - H(q) = \langle q - y, u \rangle + \mathrm{KL}(q \Vert S(u))",
        dual,
        ("docs/classifier.md, the certificate",),
        covers=("softmax_cross_entropy", "softmax", "entropy", "kl_divergence"),
        assumptions=(REAL, "$q$ positive", "$y$ a label"),
        hypotheses=(r"$\sum_k q_k = 1$",),
    ),
    Theorem(
        "minibatch-gradient",
        "The gradient of a random batch is that of all rows on average",
        r"\mathbb E \Bigl[ \frac{N}{B \sum s} \sum_n m_n s_n \nabla h_n \Bigr] = \frac{\sum_n s_n \nabla h_n}{\sum s}"
        r" \quad \text{for draws } m_n \text{ with } \mathbb E \, m_n = B / N",
        minibatch,
        ("seeds/001, equations 10 and 13: the loss on one sample, for stochastic gradient descent",),
        covers=("SoftmaxCrossEntropy.grad", "SoftmaxCrossEntropy"),
        assumptions=("$x, W, b$ real", r"$y, s, m, \alpha$ positive", "a batch of B of the N rows"),
        sizes=(2,),
        slow=True,
    ),
    Theorem(
        "categorical-family",
        "The categorical distribution as an exponential family",
        r"\eta_i = \log \frac{\theta_i}{\theta_r}, \quad \log p(y) = \langle x, \eta \rangle - A(\eta), \quad"
        r" A = -\log \theta_r, \quad \nabla A = \theta, \quad \nabla^2 A = \operatorname{Cov} x",
        exponential_family,
        ("seeds/002",),
        covers=(
            *("Categorical.log_normalizer", "Categorical.mean", "Categorical.covariance", "Categorical.log_prob"),
            *("logsumexp", "softmax", "softmax_jacobian", "softmax_cross_entropy", "entropy"),
        ),
        assumptions=(r"$\theta$ positive", "any reference class $r$"),
        hypotheses=(r"$\sum_k \theta_k = 1$",),
        slow=True,
    ),
    Theorem(
        "minimal-form",
        "The categorical family in its minimal form",
        r"\eta_r = 0: \quad \frac{\partial A}{\partial \eta_i} = \theta_i, \quad"
        r" \frac{\partial^2 A}{\partial \eta_i \partial \eta_j} = \theta_i (\delta_{ij} - \theta_j),"
        r" \qquad i, j \ne r",
        minimal_form,
        ("seeds/002",),
        covers=("logsumexp", "softmax"),
        assumptions=("$u$ real and finite", r"$\eta_i = u_i - u_r$, with $u_r$ held fixed"),
        slow=True,
    ),
    Theorem(
        "divergence-of-families",
        "The divergence is the Bregman divergence of the log-partition function",
        r"\mathrm{KL}(S(u) \Vert S(v)) = A(v) - A(u) - \langle v - u, \nabla A(u) \rangle",
        bregman,
        ("seeds/002, the log-normaliser",),
        covers=("Categorical.kl_divergence", "kl_divergence", "logsumexp", "softmax"),
        assumptions=("$u, v$ real and finite",),
    ),
)

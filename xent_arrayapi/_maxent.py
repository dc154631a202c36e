"""The maximum-entropy classifier, a scikit-learn estimator on any array."""

from __future__ import annotations

import functools
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from xent_arrayapi._certificate import REACH, Certificate, certify
from xent_arrayapi._cross_entropy import SoftmaxCrossEntropy
from xent_arrayapi._linear import LinearLoss, logits_of
from xent_arrayapi._namespace import from_host, is_chunked, is_of_host, namespace_of, quiet, to_host
from xent_arrayapi._penalised import ArraySums, penalised
from xent_arrayapi._progress import reporting
from xent_arrayapi._sigmoid import SigmoidCrossEntropy
from xent_arrayapi._softmax import log_softmax, softmax
from xent_arrayapi._solvers import SOLVERS, Found
from xent_arrayapi._training import classes_like, features, floating, labels, row_weights, starting_point
from xent_arrayapi._validate import choice, number, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from xent_arrayapi._penalised import Floats, Sums
    from xent_arrayapi._typing import Array


def _by_chunks(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Have a method go through a Dask array chunk by chunk, when its result is asked for."""

    @functools.wraps(method)
    def by_chunks(self: Any, X: Any) -> Any:
        if not is_chunked(X):
            return method(self, X)
        from xent_arrayapi import _chunks  # noqa: PLC0415  # it needs Dask, which is there: X is of it

        check_is_fitted(self)
        return _chunks.map_rows(self, X, method)

    return by_chunks


class MaxEntClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    r"""Classify by the maximum-entropy model, multinomial logistic regression, fitted by penalised likelihood.

    .. math:: P_k = S_k(W x + b), \qquad
        f(W, b) = \frac{\sum_n s_n h_n(W x_n + b)}{\sum_n s_n} + \frac{\alpha}{2} \lVert W \rVert^2,

    with :math:`h_n` the cross-entropy of the label of row n (:class:`SoftmaxCrossEntropy`).  The intercept b is not
    penalised.  Two classes have one row of coefficients, with the logits (0, w x + b).

    The arrays of X stay where they are: only the parameters, their gradient and labels move to the host and back.

    Parameters
    ----------
    alpha : float, default 1e-4
        α ≥ 0, the weight of the penalty.  ``C`` of scikit-learn is 1 / (α Σ s).
    fit_intercept : bool, default True
        Whether there is a b; else it is 0.
    solver : {"newton-cg", "lbfgs"}, default "newton-cg"
        Truncated Newton steps with exact products with the Hessian, which reach rounding in some ten steps; or
        L-BFGS-B, which needs gradients only, and many more steps where α is small.
    max_iter : int, default 1000
        Steps at most.
    tol : float, default 1e-6
        A fit has converged when no derivative of f by a coefficient or intercept is larger in size.
    class_weight : dict or "balanced", optional
        Weights of the classes, which multiply the weights of their rows; "balanced" is Σ s / (K Σ s of the class).
    warm_start : bool, default False
        Whether to start from the coefficients of the last fit, and not from 0.
    verbose : int, default 0
        Whether to show progress: a bar, or a line for each step where the output is no terminal.
    random_state : int, RandomState instance or None, default None
        For solvers that draw rows; these do not.

    Attributes
    ----------
    classes_ : array, shape ``(K,)``
        The labels in order: in the library of X where they are integers, else on the host.
    coef_, intercept_ : array, shape ``(K, D)`` and ``(K,)``, or ``(1, D)`` and ``(1,)`` for two classes
        W and b, in the library, on the device and in the dtype of X.
    n_iter_ : int
        How many steps were taken.
    objective_ : float
        f at the solution, in nats.
    moment_violation_ : float
        The largest violation of E_est − E_obs = −α W, the equation of the minimum: the largest derivative of f.
    duality_gap_ : float
        At least f − min f, to rounding, from a point of the dual problem; inf where none was found.
    n_features_in_, feature_names_in_ : int, numpy.ndarray
        As scikit-learn has them.

    See Also
    --------
    SoftmaxCrossEntropy : the loss of logits, with its derivatives.
    sklearn.linear_model.LogisticRegression : on NumPy arrays and sparse matrices; its C is 1 / (α Σ s).

    Notes
    -----
    The solvers work in coordinates in which the Hessian at W = 0 is the identity (up to 511 features): how the
    features are scaled hardly changes how many steps are taken.
    The dual problem is that of maximum entropy: of all distributions over the classes whose means of the features are
    those of the data, up to what the penalty allows, the model has the largest entropy (Berger, Della Pietra and
    Della Pietra 1996, section 3).  ``docs/classifier.md`` derives the bound.
    Without a penalty, separable classes have no minimum: then the fit warns, and the coefficients are those of the step
    at which no derivative was larger than `tol`.
    Sums are made in the dtype of X: in float32 they limit the gradient to some 1e-7 of the features.

    Source: ``seeds/001``, equations 2, 8 to 13.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.asarray([[0.0], [1.0], [2.0], [3.0]])
    >>> model = MaxEntClassifier(alpha=0.1).fit(x, ["no", "no", "yes", "yes"])
    >>> model.predict(np.asarray([[0.5], [2.5]])).tolist()
    ['no', 'yes']
    """

    def __init__(
        self,
        *,
        alpha: float = 1e-4,
        fit_intercept: bool = True,
        solver: str = "newton-cg",
        max_iter: int = 1000,
        tol: float = 1e-6,
        class_weight: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that arrays of any library are taken."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the coefficients to labelled rows.

        Parameters
        ----------
        X : array, real, shape ``(N, D)``
            Features, finite.  Half precision computes in float32, integers in the default floating dtype.
        y : array of the library of X or of the host, or sequence, shape ``(N,)``
            Labels: integers, strings or booleans, of at least two classes.
        sample_weight : array, shape ``(N,)``, optional
            Weights s of the rows, finite and at least 0; each class has to keep some.

        Returns
        -------
        MaxEntClassifier
            This object.

        Raises
        ------
        TypeError
            If X is sparse, or not real.
        ValueError
            If shapes do not agree, a value is not finite, or there is one class only.

        Warns
        -----
        ConvergenceWarning
            If `tol` was not reached, or if, without a penalty, no minimum was found to exist.
        """
        self._check_options()
        classes, sums, like = self._data(X, y, sample_weight)
        f = penalised(sums, float(self.alpha), self._start(sums), intercept=self.fit_intercept)
        with reporting(self.solver, tol=float(self.tol), verbose=self.verbose) as report:
            found = SOLVERS[self.solver](f, tol=float(self.tol), max_iter=int(self.max_iter), report=report)
        theta = f.theta(found.point.v)
        eps = float(namespace_of(X=like).finfo(like.dtype).eps)
        certificate = certify(f, theta, intercept=self.fit_intercept, eps=eps)
        self._keep(theta, classes, like)
        self.n_iter_ = found.iterations
        self.objective_, self.moment_violation_ = found.point.value, found.point.violation
        self.duality_gap_ = certificate.gap
        self._warn(found, certificate)
        return self

    def _start(self, sums: Sums) -> Floats:
        """Return the parameters to start from: those of the last fit for a warm start, or 0."""
        if self.warm_start and hasattr(self, "coef_"):
            return starting_point(self.coef_, self.intercept_, sums.shape)
        return np.zeros(sums.shape)

    def _keep(self, theta: Floats, classes: Any, like: Array) -> None:
        """Keep the parameters; what the logits of all classes share changes nothing, and is taken out."""
        if theta.shape[0] > 1:
            share = np.mean(theta, axis=0)
            share[:-1] *= self.alpha == 0
            theta = theta - share
        self.classes_ = classes_like(classes, like)
        self.coef_, self.intercept_ = from_host(theta[:, :-1], like), from_host(theta[:, -1], like)

    def _warn(self, found: Found, certificate: Certificate) -> None:
        """Say so where this is no minimum."""
        if not found.converged:
            msg = (
                f"{self.solver} reached a gradient of {found.point.violation:.1e} after {found.iterations} iterations, "
                f"not tol={self.tol:g}: raise `max_iter` or `tol`, scale the features, or use float64."
            )
            warnings.warn(msg, ConvergenceWarning, stacklevel=3)
        if self.alpha == 0 and certificate.reach > REACH:
            msg = (
                f"No maximum of the likelihood was found: the next step still moves two logits of a row apart by "
                f"{certificate.reach:.1g}, as where the classes are separable: set `alpha` > 0, or a smaller `tol`."
            )
            warnings.warn(msg, ConvergenceWarning, stacklevel=3)

    def _data(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Sums, Array]:
        """Return the classes, the loss on the rows as a function of the parameters, and what these are to be like."""
        if is_chunked(X):
            from xent_arrayapi import _chunks  # noqa: PLC0415  # it needs Dask, which is there: X is of it

            rows = _chunks.in_chunks(self, X, y, sample_weight)
            classes, over_chunks = _chunks.sums_over_chunks(rows, self.class_weight, sums_over)
            return classes, over_chunks, floating(np.zeros(0, X.dtype))
        x = features(self, X, reset=True)
        classes, codes = labels(self, x, y)
        s = row_weights(sample_weight, self.class_weight, classes, codes)
        return classes, sums_over(x, codes, s, classes.shape[0]), x

    @_by_chunks
    def decision_function(self, X: Any) -> Array:
        """Evaluate the logits W x + b.

        Parameters
        ----------
        X : array, real, shape ``(N, D)``
            Features, of the library and device of those of the fit.

        Returns
        -------
        array, shape ``(N, K)``, or ``(N,)`` for two classes
            Logits; those of the second class for two.
        """
        u = self._logits(X, "decision_function")
        return u[:, 0] if u.shape[-1] == 1 else u

    @_by_chunks
    def predict_proba(self, X: Any) -> Array:
        """Evaluate the probabilities of the classes.

        Parameters
        ----------
        X : array, real, shape ``(N, D)``
            Features, of the library and device of those of the fit.

        Returns
        -------
        array, shape ``(N, K)``
            Probabilities, in the order of `classes_`.
        """
        return softmax(self._rows(X, "predict_proba"))

    @_by_chunks
    def predict_log_proba(self, X: Any) -> Array:
        """Evaluate the logarithms of the probabilities, which are finite at any margin.

        Parameters
        ----------
        X : array, real, shape ``(N, D)``
            Features, of the library and device of those of the fit.

        Returns
        -------
        array, shape ``(N, K)``
            Logarithms of probabilities, in nats, in the order of `classes_`.
        """
        return log_softmax(self._rows(X, "predict_log_proba"))

    @_by_chunks
    def predict(self, X: Any) -> Any:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array, real, shape ``(N, D)``
            Features, of the library and device of those of the fit.

        Returns
        -------
        array, shape ``(N,)``
            Labels: in the library of X where they are integers, else on the host.
        """
        u = self._rows(X, "predict")
        xp = namespace_of(u=u)
        index = xp.argmax(u, axis=-1)
        if is_of_host(self.classes_):
            return self.classes_[to_host(index)]
        return xp.take(self.classes_, index)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of the rows that are classified right.

        Parameters
        ----------
        X : array, real, shape ``(N, D)``
            Features, of the library and device of those of the fit.
        y : array or sequence, shape ``(N,)``
            Labels.
        sample_weight : array, shape ``(N,)``, optional
            Weights of the rows.

        Returns
        -------
        float
            The accuracy.
        """
        on_host = [x if is_of_host(x) else to_host(x) for x in (y, self.predict(X), sample_weight)]
        return float(accuracy_score(on_host[0], on_host[1], sample_weight=on_host[2]))

    def _check_options(self) -> None:
        largest = sys.float_info.max
        number("alpha", self.alpha, low=0, high=largest, closed=True)
        number("tol", self.tol, low=0, high=largest, closed=True)
        number("max_iter", whole_number("max_iter", self.max_iter), low=0, high=largest, closed=True)
        choice("solver", self.solver, tuple(SOLVERS))

    def _logits(self, X: Any, method: str) -> Array:
        check_is_fitted(self)
        x = features(self, X, reset=False)
        try:
            xp = namespace_of(X=x, coef_=self.coef_)
        except (TypeError, ValueError) as error:
            name = f"{type(self).__name__}.{method}()"
            msg = f"Inputs passed to {name} must use the same namespace and the same device as in fit(): {error}"
            raise ValueError(msg) from error
        with quiet(xp):
            x = x if x.dtype == self.coef_.dtype else xp.astype(x, self.coef_.dtype)
            return logits_of(x, self.coef_, self.intercept_, xp)

    def _rows(self, X: Any, method: str) -> Array:
        """Return the logits of all classes: of two, 0 and u."""
        u = self._logits(X, method)
        xp = namespace_of(u=u)
        return xp.concat([xp.zeros_like(u), u], axis=-1) if u.shape[-1] == 1 else u


def sums_over(x: Array, codes: Any, s: Any, classes: int) -> Sums:
    """Return the loss of a linear model on rows of data, as a function of its parameters."""
    xp = namespace_of(X=x)
    targets, weights = from_host(codes, x, "integral"), from_host(s, x)
    column = xp.expand_dims(weights, axis=-1)
    h: SigmoidCrossEntropy | SoftmaxCrossEntropy
    if classes == 2:
        both = xp.expand_dims(targets, axis=-1)
        h = SigmoidCrossEntropy(both, sample_weight=column, reduction="sum", check_values=False)
    else:
        h = SoftmaxCrossEntropy(targets, sample_weight=weights, reduction="sum", check_values=False)
    shape = 1 if classes == 2 else classes, x.shape[1] + 1
    return ArraySums(LinearLoss(x, h, xp), column, shape, float(np.sum(s)))

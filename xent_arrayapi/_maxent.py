"""The maximum-entropy classifier, a scikit-learn estimator on any array."""

from __future__ import annotations

import functools
import warnings
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from xent_arrayapi._cross_entropy import SoftmaxCrossEntropy
from xent_arrayapi._linear import LinearLoss, logits_of
from xent_arrayapi._namespace import from_host, is_chunked, is_of_host, namespace_of, quiet, to_host
from xent_arrayapi._penalised import ArraySums, penalised, unscaled
from xent_arrayapi._sigmoid import SigmoidCrossEntropy
from xent_arrayapi._softmax import log_softmax, softmax
from xent_arrayapi._sgd import Descent, State, descended
from xent_arrayapi._solvers import SOLVERS, Found
from xent_arrayapi._training import classes_like, features, floating, labels, more_rows, row_weights, two_classes
from xent_arrayapi._validate import choice, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from xent_arrayapi._penalised import Floats, Point, Sums
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


def _descends(self: Any) -> bool:
    """Tell whether a classifier can go on from where it is with more rows."""
    return bool(self.solver == "sgd")


class MaxEntClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Maximum-entropy classifier."""

    def __init__(
        self,
        *,
        alpha: float = 1e-4,
        fit_intercept: bool = True,
        solver: str = "newton-cg",
        max_iter: int | None = None,
        tol: float | None = None,
        batch_size: int = 32,
        step: str = "constant",
        average: bool = True,
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
        self.batch_size = batch_size
        self.step = step
        self.average = average
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit."""
        self._check_options()
        classes, sums, like = self._data(X, y, sample_weight)
        start = self._start(sums, classes)
        found, theta = self._solved(sums, start)
        self.classes_ = classes_like(classes, like)
        self.coef_, self.intercept_ = from_host(theta[:, :-1], like), from_host(theta[:, -1], like)
        self.n_iter_ = np.asarray([found.iterations], dtype=np.int32)
        self.objective_, self.moment_violation_ = found.point.value, found.point.violation
        if not found.converged:
            msg = (
                f"{self.solver} reached a gradient of {found.point.violation:.1e} in {found.iterations} iterations, "
                f"not tol={self._tol:g}: raise `max_iter` or `tol`, scale the features, or use float64."
            )
            warnings.warn(msg, ConvergenceWarning, stacklevel=2)
        return self

    def _solved(self, sums: Sums, start: Floats) -> tuple[Found, Floats]:
        """Return where the solver stopped, and the parameters there."""
        options: dict[str, Any] = {"tol": self._tol, "max_iter": self._max_iter, "report": self._report}
        if self.solver == "sgd":
            f = unscaled(sums, float(self.alpha), start, intercept=self.fit_intercept)
            random = check_random_state(self.random_state)
            found, self._state = descended(
                f, State.at(start), lambda state: self._walked(sums, state, random), **options
            )
        else:
            f = penalised(sums, float(self.alpha), start, intercept=self.fit_intercept)
            found, self._state = SOLVERS[self.solver](f, **options), None
        return found, f.theta(found.point.v)

    def _walked(self, sums: Sums, state: State, random: Any) -> State:
        """Go once through the data by stochastic gradient descent."""
        descent = Descent(
            float(self.alpha),
            bool(self.fit_intercept),
            batch_size=self.batch_size,
            decays=self.step == "decaying",
            averages=self.average,
        )
        if isinstance(sums, ArraySums):
            return descent.through(state, sums, random.permutation(sums.loss.x.shape[0]))
        from xent_arrayapi import _chunks  # noqa: PLC0415  # it needs Dask, which is there

        return _chunks.walked(sums, descent, state, random)

    @available_if(_descends)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go once through some more rows by stochastic gradient descent.

        Parameters
        ----------
        X : array, shape (n_samples, n_features)
            The rows.
        y : array, shape (n_samples,)
            Their labels.
        classes : array, shape (n_classes,), optional
            All labels that there are: needed at the first call.
        sample_weight : array, shape (n_samples,), optional
            Their weights.

        Returns
        -------
        MaxEntClassifier
            Itself.
        """
        self._check_options()
        known = self._known_classes(classes)
        first = not hasattr(self, "classes_")
        sums, like = self._more(X, y, known, sample_weight, first=first)
        state = getattr(self, "_state", None)
        if state is None:
            state = State.at(np.zeros(sums.shape) if first else self._theta())
        self._state = self._walked(sums, state, check_random_state(self.random_state))
        theta = self._state.average
        self.classes_ = classes_like(known, like)
        self.coef_, self.intercept_ = from_host(theta[:, :-1], like), from_host(theta[:, -1], like)
        return self

    def _known_classes(self, classes: Any) -> Any:
        """Return the classes of the first call, and check that they are the same ever after."""
        if classes is not None:
            classes = np.unique(np.asarray(classes if is_of_host(classes) else to_host(classes)))
            two_classes(classes)
        if not hasattr(self, "classes_"):
            if classes is None:
                msg = "`classes` must name all labels at the first call of partial_fit, for later rows may have more."
                raise ValueError(msg)
            return classes
        known = self.classes_ if is_of_host(self.classes_) else to_host(self.classes_)
        if classes is not None and not np.array_equal(classes, known):
            msg = f"`classes` must be those of the first call, {known}, not {classes}."
            raise ValueError(msg)
        return known

    def _more(self, X: Any, y: Any, classes: Any, sample_weight: Any, *, first: bool) -> tuple[Sums, Array]:
        """Return the loss on some more rows, and what the parameters are to be like."""
        if is_chunked(X):
            from xent_arrayapi import _chunks  # noqa: PLC0415  # it needs Dask, which is there: X is of it

            rows = _chunks.in_chunks(self, X, y, sample_weight, reset=first)
            return _chunks.sums_over_more_chunks(rows, self.class_weight, classes, sums_over), floating(
                np.zeros(0, X.dtype)
            )
        x = features(self, X, reset=first)
        codes, s = more_rows(self, x, y, sample_weight, self.class_weight, classes)
        return sums_over(x, codes, s, classes.shape[0]), x

    @property
    def _tol(self) -> float:
        return float((1e-3 if self.solver == "sgd" else 1e-6) if self.tol is None else self.tol)

    @property
    def _max_iter(self) -> int:
        return int((100 if self.solver == "sgd" else 1000) if self.max_iter is None else self.max_iter)

    def _data(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Sums, Array]:
        """Return the classes, the loss on the rows as a function of the parameters, and what these are to be like."""
        if is_chunked(X):
            from xent_arrayapi import _chunks  # noqa: PLC0415  # it needs Dask, which is there: X is of it

            rows = _chunks.in_chunks(self, X, y, sample_weight, reset=True)
            classes, over_chunks = _chunks.sums_over_chunks(rows, self.class_weight, sums_over)
            return classes, over_chunks, floating(np.zeros(0, X.dtype))
        x = features(self, X, reset=True)
        classes, codes = labels(self, x, y)
        s = row_weights(sample_weight, self.class_weight, classes, codes)
        return classes, sums_over(x, codes, s, classes.shape[0]), x

    @_by_chunks
    def decision_function(self, X: Any) -> Array:
        """Return logits."""
        u = self._logits(X, "decision_function")
        return u[:, 0] if u.shape[-1] == 1 else u

    @_by_chunks
    def predict_proba(self, X: Any) -> Array:
        """Return probabilities."""
        return softmax(self._rows(X, "predict_proba"))

    @_by_chunks
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of probabilities."""
        return log_softmax(self._rows(X, "predict_log_proba"))

    @_by_chunks
    def predict(self, X: Any) -> Any:
        """Return the label of the most probable class."""
        u = self._rows(X, "predict")
        xp = namespace_of(u=u)
        index = xp.argmax(u, axis=-1)
        if is_of_host(self.classes_):
            return self.classes_[to_host(index)]
        return xp.take(self.classes_, index)

    def _check_options(self) -> None:
        number("alpha", self.alpha, low=0, high=np.finfo(np.float64).max, closed=True)
        number("tol", self._tol, low=0, high=np.finfo(np.float64).max, closed=True)
        choice("solver", self.solver, (*SOLVERS, "sgd"))
        choice("step", self.step, ("constant", "decaying"))
        number("batch_size", self.batch_size, low=1, high=np.inf, closed=True)

    def _start(self, sums: Sums, classes: Any) -> Floats:
        """Return the parameters to start from: those of the last fit for a warm start, or 0."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return np.zeros(sums.shape)
        return self._theta()

    def _theta(self) -> Floats:
        """Return the parameters of the last fit."""
        return np.concatenate([to_host(self.coef_), to_host(self.intercept_)[:, None]], axis=1).astype(np.float64)

    def _report(self, iteration: int, point: Point) -> None:
        """Show how far a fit is."""

    def _logits(self, X: Any, method: str) -> Array:
        check_is_fitted(self)
        x = features(self, X, reset=False)
        xp = namespace_of(X=x, coef_=self.coef_)
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
    options = {"reduction": "sum", "check_values": False}
    if classes == 2:
        h = SigmoidCrossEntropy(xp.expand_dims(targets, axis=-1), sample_weight=column, **options)
    else:
        h = SoftmaxCrossEntropy(targets, sample_weight=weights, **options)
    shape = 1 if classes == 2 else classes, x.shape[1] + 1
    return ArraySums(LinearLoss(x, h, xp), column, shape, float(np.sum(s)))

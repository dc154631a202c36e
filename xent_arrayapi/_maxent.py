"""The maximum-entropy classifier, a scikit-learn estimator on any array."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from xent_arrayapi._cross_entropy import SoftmaxCrossEntropy
from xent_arrayapi._duality import REACH, Certificate, certify
from xent_arrayapi._libraries import on_host
from xent_arrayapi._linear import LinearLoss
from xent_arrayapi._namespace import from_host, is_chunked, is_of_host, namespace_of, to_host
from xent_arrayapi._penalised import ArraySums, penalised, unscaled
from xent_arrayapi._predicting import LinearClassifier
from xent_arrayapi._progress import reporting
from xent_arrayapi._sgd import Descent, State, descended
from xent_arrayapi._sigmoid import SigmoidCrossEntropy
from xent_arrayapi._solvers import SOLVERS, Found
from xent_arrayapi._training import (
    classes_like,
    features,
    floating,
    labels,
    more_rows,
    row_weights,
    starting_point,
    two_classes,
)
from xent_arrayapi._validate import choice, number, whole_number

if TYPE_CHECKING:
    from typing import Self

    from xent_arrayapi._penalised import Floats, Penalised, Sums
    from xent_arrayapi._solvers import Report
    from xent_arrayapi._typing import Array


def _descends(self: Any) -> bool:
    """Tell whether a classifier can go on from where it is with more rows."""
    return bool(self.solver == "sgd")


class MaxEntClassifier(LinearClassifier):
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
    solver : {"newton-cg", "lbfgs", "sgd"}, default "newton-cg"
        Truncated Newton steps with exact products with the Hessian, which reach rounding in some ten steps; or
        L-BFGS-B, which needs gradients only, and many more steps where α is small; or stochastic gradient descent
        along minibatches, which comes near the minimum in a few passes through many rows, and allows `partial_fit`.
    max_iter : int, default 1000
        Steps at most, or times through the data for "sgd".
    tol : float, optional
        A fit has converged when no derivative of f by a coefficient or intercept is larger in size: 1e-6, or 1e-3 for
        "sgd", which looks after each time through the data.
    batch_size : int, default 32
        Rows of a minibatch of "sgd".
    step : {"constant", "decaying"}, default "constant"
        Whether the steps of "sgd" get shorter, as 1 / √(1 + steps / 1000).  Their length needs no tuning: it is the
        inverse of a bound of the Hessian of the batches in the metric of the second moments of the features, so that
        none raises the loss of its batch.
    average : bool, default True
        Whether "sgd" returns the average of its iterates, the later ones weighing more, and not the last.
    class_weight : dict or "balanced", optional
        Weights of the classes, which multiply the weights of their rows; "balanced" is Σ s / (K Σ s of the class).
    warm_start : bool, default False
        Whether to start from the coefficients of the last fit, and not from 0.
    verbose : int, default 0
        Whether to show progress: a bar, or a line for each step where the output is no terminal.
    random_state : int, RandomState instance or None, default None
        The order in which "sgd" takes the rows: the same on every array library.

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
    Della Pietra 1996).  ``docs/classifier.md`` derives the bound.
    Without a penalty, separable classes have no minimum: then the fit warns, and the coefficients are those of the step
    at which no derivative was larger than `tol`.
    Sums are made in the dtype of X: in float32 they limit the gradient to some 1e-7 of the features.

    Source: ``seeds/001``, equations 2, 8 to 13.

    Theorems: gradient-of-the-linear-model, hessian-of-the-linear-model, dual-of-the-linear-model, minibatch-gradient.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.asarray([[0.0], [1.0], [2.0], [3.0]])
    >>> model = MaxEntClassifier(alpha=0.1).fit(x, ["no", "no", "yes", "yes"])
    >>> model.predict(np.asarray([[0.5], [2.5]])).tolist()
    ['no', 'yes']
    """

    _state: State | None

    def __init__(
        self,
        *,
        alpha: float = 1e-4,
        fit_intercept: bool = True,
        solver: str = "newton-cg",
        max_iter: int = 1000,
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
        with reporting(self.solver, tol=self._tol, verbose=self.verbose) as report:
            found, f = self._solved(sums, report)
        theta = f.theta(found.point.v)
        eps = float(namespace_of(X=like).finfo(like.dtype).eps)
        certificate = certify(f, theta, intercept=self.fit_intercept, eps=eps)
        self._keep(theta, classes, like)
        self.n_iter_ = found.iterations
        self.objective_, self.moment_violation_ = found.point.value, found.point.violation
        self.duality_gap_ = certificate.gap
        self._warn(found, certificate)
        return self

    def _solved(self, sums: Sums, report: Report) -> tuple[Found, Penalised]:
        """Return where the solver stopped, and what it minimised."""
        start = self._start(sums)
        options: dict[str, Any] = {"tol": self._tol, "max_iter": int(self.max_iter), "report": report}
        if self.solver == "sgd":
            f = unscaled(sums, float(self.alpha), start, intercept=self.fit_intercept)
            random = check_random_state(self.random_state)
            found, self._state = descended(
                f, State.at(start), lambda state: self._walked(sums, state, random), **options
            )
        else:
            f = penalised(sums, float(self.alpha), start, intercept=self.fit_intercept)
            found, self._state = SOLVERS[self.solver](f, **options), None
        return found, f

    def _start(self, sums: Sums) -> Floats:
        """Return the parameters to start from: those of the last fit for a warm start, or 0."""
        if self.warm_start and hasattr(self, "coef_"):
            return starting_point(self.coef_, self.intercept_, sums.shape)
        return np.zeros(sums.shape)

    def _keep(self, theta: Floats, classes: Any, like: Array) -> None:
        """Keep the parameters, in the library of the features."""
        self.classes_ = classes_like(classes, like)
        self.coef_, self.intercept_ = from_host(theta[:, :-1], like), from_host(theta[:, -1], like)

    def _warn(self, found: Found, certificate: Certificate) -> None:
        """Say so where this is no minimum."""
        if not found.converged:
            msg = (
                f"{self.solver} failed to converge: a derivative of {found.point.violation:.1e} is left after "
                f"{found.iterations} iterations, not tol={self._tol:g}. Increase the number of iterations (`max_iter`) "
                f"or `tol`, scale the features, or use float64."
            )
            warnings.warn(msg, ConvergenceWarning, stacklevel=3)
        if self.alpha == 0 and certificate.reach > REACH:
            msg = (
                f"No maximum of the likelihood was found: the next step still moves two logits of a row apart by "
                f"{certificate.reach:.1g}, as where the classes are separable: set `alpha` > 0, or a smaller `tol`."
            )
            warnings.warn(msg, ConvergenceWarning, stacklevel=3)

    def _walked(self, sums: Any, state: State, random: Any) -> State:
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

    @available_if(_descends)  # type: ignore[untyped-decorator]  # scikit-learn has no types
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
            state = State.at(np.zeros(sums.shape) if first else starting_point(self.coef_, self.intercept_, sums.shape))
        self._state = self._walked(sums, state, check_random_state(self.random_state))
        self._keep(self._state.average, known, like)
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

    def _check_options(self) -> None:
        largest = sys.float_info.max
        number("alpha", self.alpha, low=0, high=largest, closed=True)
        number("tol", self._tol, low=0, high=largest, closed=True)
        number("max_iter", whole_number("max_iter", self.max_iter), low=0, high=largest, closed=True)
        choice("solver", self.solver, (*SOLVERS, "sgd"))
        choice("step", self.step, ("constant", "decaying"))
        number("batch_size", self.batch_size, low=1, high=largest, closed=True)


def sums_over(x: Array, codes: Any, s: Any, classes: int) -> ArraySums:
    """Return the loss of a linear model on rows of data, as a function of its parameters."""
    xp = namespace_of(X=x)
    targets, weights, even = from_host(codes, x, "integral"), from_host(s, x), bool(np.all(s == 1))
    column = xp.expand_dims(weights, axis=-1)
    readable = on_host(xp)  # elsewhere, to look at labels again each time would be to wait for a device
    h: SigmoidCrossEntropy | SoftmaxCrossEntropy
    if classes == 2:
        both, of_rows = xp.expand_dims(targets, axis=-1), None if even else column
        h = SigmoidCrossEntropy(both, sample_weight=of_rows, reduction="sum", check_values=readable)
    else:
        of_rows = None if even else weights
        h = SoftmaxCrossEntropy(targets, sample_weight=of_rows, reduction="sum", check_values=readable)
    shape = 1 if classes == 2 else classes, x.shape[1] + 1
    return ArraySums(LinearLoss(x, h, xp), column, shape, float(np.sum(s)))

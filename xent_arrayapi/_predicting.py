"""What a fitted linear classifier says of rows: logits, probabilities and labels."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from xent_arrayapi._linear import logits_of
from xent_arrayapi._namespace import is_chunked, is_of_host, namespace_of, quiet, to_host
from xent_arrayapi._softmax import log_softmax, softmax
from xent_arrayapi._training import features

if TYPE_CHECKING:
    from collections.abc import Callable

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


class LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Has `classes_`, `coef_` and `intercept_`, and predicts."""

    classes_: Any
    coef_: Any
    intercept_: Any

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that arrays of any library are taken."""
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags

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

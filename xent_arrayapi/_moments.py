"""Moments, natural parameters, entropy and mode of the distributions that rows of logits are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from xent_arrayapi._evaluation import Evaluation
from xent_arrayapi._family import cross_entropies_of, information, modes, natural_parameters, third_cumulants
from xent_arrayapi._jacobian import softmax_jacobian
from xent_arrayapi._namespace import default_dtype, namespace_of, quiet
from xent_arrayapi._rows import Rows
from xent_arrayapi._softmax import logsumexp, softmax
from xent_arrayapi._typing import ArrayT
from xent_arrayapi._validate import class_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._typing import Array


class RowwiseFamily(Generic[ArrayT]):
    """Rows of logits as distributions, one per row: all that needs no more than them."""

    logits: ArrayT
    axis: int

    def natural(self, *, reference: int = -1) -> ArrayT:
        """Return the minimal natural parameters η_i = u_i − u_r = log θ_i / θ_r.

        Parameters
        ----------
        reference : int, default -1
            The class r that is left out, in −K..K−1.

        Returns
        -------
        array, real floating, shape ``(..., K - 1)``
            The parameters of the other classes in order, in the dtype of the logits.

        Raises
        ------
        ValueError
            If there is no such class.

        Notes
        -----
        Where the reference class has probability 0 they are +inf, and nan (0 / 0) for other classes of probability 0.

        Theorems: minimal-parameters.
        """
        rows = self._rows()
        k = class_of("reference", reference, rows.classes)
        with quiet(rows.xp):
            value: ArrayT = rows.back(natural_parameters(rows.last(self.logits), k, rows.xp))
            return value

    @property
    def log_normalizer(self) -> ArrayT:
        """The log-partition function A(u) of each row; after :meth:`from_natural` it is −log θ_r.

        Notes
        -----
        Theorems: categorical-family, log-probability.
        """
        return logsumexp(self.logits, axis=self.axis)

    @property
    def mean(self) -> ArrayT:
        """The mean parameters θ = ∇A = S(u): probabilities, of the shape of the logits.

        Notes
        -----
        Theorems: categorical-family, third-cumulant, moment-matching, inverse-of-the-distribution-function.
        """
        return softmax(self.logits, axis=self.axis)

    @property
    def covariance(self) -> ArrayT:
        """The covariance ∇²A of one-hot draws, ``(..., K, K)``: the Fisher information of the logits.

        Notes
        -----
        Theorems: categorical-family, third-cumulant.
        """
        return softmax_jacobian(self.logits, axis=self.axis)

    @property
    def third_cumulant(self) -> ArrayT:
        """The third central moments ∇³A of one-hot draws, ``(..., K, K, K)``.

        Notes
        -----
        Theorems: third-cumulant.
        """
        value: ArrayT = self._evaluated(third_cumulants, Rows.in_dtype)
        return value

    def fisher_information(self, *, reference: int = -1) -> ArrayT:
        """Return the Fisher information ∇²A(η) of the minimal natural parameters.

        Parameters
        ----------
        reference : int, default -1
            The class that is left out, in −K..K−1.

        Returns
        -------
        array, real floating, shape ``(..., K - 1, K - 1)``
            The covariance without its row and column of this class; positive definite where θ is positive.

        Raises
        ------
        ValueError
            If there is no such class.

        Notes
        -----
        Theorems: minimal-parameters.
        """
        k = class_of("reference", reference, self._rows().classes)
        value: ArrayT = self._evaluated(lambda got: information(got, k), Rows.in_dtype)
        return value

    @property
    def entropy(self) -> ArrayT:
        """The entropy −Σ θ log θ in nats: terms of one sign, each to a few ulp.

        Notes
        -----
        Theorems: entropy-of-families, class-axis.
        """
        value: ArrayT = self._evaluated(lambda got: cross_entropies_of(got, got), Rows.reduced)
        return value

    @property
    def mode(self) -> Any:
        """The class of the largest logit, of ties the first, as the default integer; −1 without a distribution.

        Notes
        -----
        Theorems: mode, no-classes.
        """
        dtype = default_dtype(self.logits, "integral", namespace_of(logits=self.logits))
        return self._evaluated(lambda got: modes(got, dtype), Rows.reduced)

    def _rows(self) -> Rows:
        return Rows.of("logits", self.logits, self.axis, namespace_of(logits=self.logits))

    def _evaluated(self, result: Callable[[Evaluation], Array], laid_out: Callable[[Rows, Array], Array]) -> Any:
        rows = self._rows()
        with quiet(rows.xp):
            return laid_out(rows, result(Evaluation.of(rows.last(self.logits), rows.xp)))

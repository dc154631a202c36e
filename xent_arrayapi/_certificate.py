"""What shows how near an ensemble is to the largest entropy at a mean energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from xent_arrayapi._typing import ArrayT


@dataclass(frozen=True, eq=False)
class EntropyCertificate(Generic[ArrayT]):
    r"""Hold what shows how near an ensemble is to the largest entropy at a mean energy E.

    .. math:: D(\beta) = \log Z(\beta) + \beta E \ge H(q) \quad \text{for every } \beta
        \text{ and every } q \text{ with } \langle E \rangle_q = E .

    Parameters
    ----------
    dual : array, real floating, shape ``(...)``
        D, which no entropy at the mean energy E exceeds.
    entropy : array, real floating, shape ``(...)``
        The entropy of the ensemble.
    gap : array, real floating, shape ``(...)``
        D less the entropy, which is β (E − ⟨E⟩): evaluated as that.
    residual : array, real floating, shape ``(...)``
        ⟨E⟩ − E.
    iterations : array, int32, shape ``(...)``
        How many steps each row took before it was as near as rounding lets it be.
    converged : array, bool, shape ``(...)``
        Whether the residual is explained by rounding.

    See Also
    --------
    Boltzmann.at_mean_energy : makes it.

    Notes
    -----
    Sources: ``seeds/000``, the answer (the constrained maximum); Boyd and Vandenberghe 2004,
    ISBN 978-0-521-83378-3, section 5.1.3 (the dual function as a bound).

    Examples
    --------
    >>> import numpy as np
    >>> from xent_arrayapi import Boltzmann
    >>> _, certificate = Boltzmann(np.asarray([0.0, 1.0])).at_mean_energy(0.25)
    >>> certificate.dual, certificate.entropy
    (array(0.56233514), array(0.56233514))
    """

    dual: ArrayT
    entropy: ArrayT
    gap: ArrayT
    residual: ArrayT
    iterations: ArrayT
    converged: ArrayT

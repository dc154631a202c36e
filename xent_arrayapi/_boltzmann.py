"""Energies, temperature, and the distribution of maximal entropy at a given mean energy."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Generic

from xent_arrayapi._bracketed import solution
from xent_arrayapi._certificate import EntropyCertificate
from xent_arrayapi._levels import Levels, Shares, State, reciprocal
from xent_arrayapi._namespace import is_readable, namespace_of, quiet
from xent_arrayapi._rows import Rows
from xent_arrayapi._typing import ArrayT, LogitsT
from xent_arrayapi._validate import axis_of, broadcasts_against, number, real_dtype, refuse_values, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from xent_arrayapi._typing import Array, SupportsArray

MAX_ITER = 24
"""A third more than any row of `docs/measure.py temperature` takes."""


@dataclass(frozen=True, eq=False)
class CanonicalEnsemble(Generic[ArrayT]):
    r"""Hold the Boltzmann distribution of energy levels at a temperature, and what follows from it.

    .. math:: p_k = \frac{e^{-\beta E_k}}{Z}, \qquad Z = \sum_k e^{-\beta E_k}, \qquad \beta = \frac{1}{T} .

    :class:`Boltzmann` makes it.

    Parameters
    ----------
    system : Boltzmann
        The energy levels.
    beta : array, real floating, shape ``(...)``
        The inverse temperature of each row.
    temperature : array, real floating, shape ``(...)``
        The temperature of each row in units of k_B, which is an energy; 1 / β.

    See Also
    --------
    Boltzmann : the levels, which make ensembles by a temperature, an inverse temperature or a mean energy.
    entropy : of any probabilities, whereas that of an ensemble keeps digits which probabilities have lost.

    Notes
    -----
    All is measured from the level that β favours, the lowest for β ≥ 0 and the highest for β < 0, so that nothing
    cancels, whatever is added to the energies.  Numbers for a row are float32 for half precision, and else of the
    dtype of the energies.  Lazy-safe: no value is read.

    Source: ``seeds/000``, the answer (softmax as a Boltzmann distribution).

    Examples
    --------
    >>> import numpy as np
    >>> ensemble = Boltzmann(np.asarray([0.0, 1.0, 3.0])).at_temperature(1.0)
    >>> ensemble.probs
    array([0.70538451, 0.25949646, 0.03511903])
    >>> ensemble.mean_energy, ensemble.heat_capacity
    (array(0.36485354), array(0.4424496))
    """

    system: Boltzmann[ArrayT] = field(repr=False)
    beta: ArrayT
    temperature: ArrayT
    _rows: Rows = field(init=False, repr=False)
    _state: State = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Evaluate the levels once, for all that follows from them."""
        rows, levels = self.system._levels(beta=self.beta, temperature=self.temperature)  # noqa: SLF001  # ours
        with quiet(rows.xp):
            columns = (rows.column(rows.cast(x)) for x in (self.beta, self.temperature))
            object.__setattr__(self, "_state", State.at(levels, *columns))
        object.__setattr__(self, "_rows", rows)

    @property
    def probs(self) -> ArrayT:
        """The probabilities of the states, of the shape and dtype of the energies; 0 for a forbidden state.

        Where there are more temperatures than rows of energies, they have the axes of both, and the class axis at
        `axis`.

        Notes
        -----
        Theorems: boltzmann-distribution, mean-and-variance-of-the-energy, free-energy, infinite-temperature,
        ground-states, forbidden-states.
        """
        with quiet(self._rows.xp):
            probs = self._state.got.probs()
            axes = (axis_of(self.system.axis, probs.ndim),)
            rows = Rows(self._rows.xp, probs, axes, self._rows.dtype)
            value: ArrayT = rows.back(probs)
            return value

    @property
    def log_partition(self) -> ArrayT:
        """The logarithm of Z; −inf without states.  Limit at β = ±inf: −β times the energy of the states left.

        Notes
        -----
        Theorems: boltzmann-distribution, mean-and-variance-of-the-energy, free-energy, forbidden-states.
        """
        return self._of(State.log_partition)

    @property
    def free_energy(self) -> ArrayT:
        """The free energy F = −T log Z = ⟨E⟩ − T S; at T = 0 the energy of the states left, at T = inf −inf.

        Notes
        -----
        Theorems: free-energy, ground-states.
        """
        return self._of(State.free_energy)

    @property
    def mean_energy(self) -> ArrayT:
        """The mean energy ⟨E⟩ = −∂ log Z / ∂β.

        Notes
        -----
        Theorems: mean-and-variance-of-the-energy, free-energy, ground-states, forbidden-states.
        """
        return self._of(State.mean_energy)

    @property
    def energy_variance(self) -> ArrayT:
        """The variance of the energy, ⟨(E − ⟨E⟩)²⟩ = ∂² log Z / ∂β².

        Notes
        -----
        Theorems: mean-and-variance-of-the-energy, free-energy.
        """
        return self._of(State.energy_variance)

    @property
    def heat_capacity(self) -> ArrayT:
        """The heat capacity d⟨E⟩/dT = β² Var E, in units of k_B; 0 at T = 0 and T = inf.

        Notes
        -----
        Theorems: free-energy, infinite-temperature, ground-states.
        """
        return self._of(State.heat_capacity)

    @property
    def entropy(self) -> ArrayT:
        """The entropy S = −Σ p log p = log Z + β ⟨E⟩ in nats; at T = 0 the logarithm of how many states are left.

        Notes
        -----
        Theorems: boltzmann-distribution, free-energy, infinite-temperature, ground-states.
        """
        return self._of(State.entropy)

    def _of(self, quantity: Callable[[State], Array]) -> ArrayT:
        with quiet(self._rows.xp):
            value: ArrayT = self._rows.reduced(quantity(self._state))
            return value


@dataclass(frozen=True, eq=False)
class Boltzmann(Generic[LogitsT]):
    r"""Hold the energy levels of a system, for its Boltzmann distribution at a temperature or a mean energy.

    .. math:: p = S(-\beta E), \qquad \log Z = A(-\beta E), \qquad \beta = \frac{1}{T},

    with softmax S and the log-partition function A.

    Parameters
    ----------
    energies : array, real, shape ``(..., K)``
        The energy of each state; states of equal energy count each.  +inf forbids a state at every temperature.
        Integers and booleans are promoted to the default floating dtype.
    axis : int, default -1
        The axis of the states.

    Raises
    ------
    TypeError
        If `energies` are complex.
    ValueError
        If `energies` have no such axis.

    See Also
    --------
    softmax : of −E with ``temperature=T``, the probabilities alone, for T ≥ 0.

    Notes
    -----
    Temperatures are in units of k_B: T here is k_B T, an energy, and entropies and heat capacities are multiples of
    k_B.  A temperature is a Python number, or an array that broadcasts against the rows of energies: one system at
    many temperatures, many systems at one, or one for each.

    Energies count as they are rounded after the subtraction of the lowest (for β < 0: the highest) of their row and
    the multiplication by β.  A row with nan, −inf, or a range beyond its dtype is nan; one without a state that is
    allowed has Z = 0, and K = 0 as well.  Half precision is computed in float32.

    Source: ``seeds/000``, the answer (the Boltzmann distribution as the maximum of entropy at a mean energy).

    Examples
    --------
    >>> import numpy as np
    >>> system = Boltzmann(np.asarray([0.0, 1.0, 3.0]))
    >>> system.at_temperature(np.asarray([0.0, 1.0, np.inf])).mean_energy
    array([0.        , 0.36485354, 1.33333333])
    >>> ensemble, certificate = system.at_mean_energy(0.5)
    >>> ensemble.temperature, certificate.converged
    (array(1.33388513), array(True))
    """

    energies: LogitsT
    _: KW_ONLY
    axis: int = -1

    def __post_init__(self) -> None:
        """Check energies and axis."""
        Rows.of("energies", self.energies, whole_number("axis", self.axis), namespace_of(energies=self.energies))

    def at_temperature(self, temperature: float | SupportsArray, /) -> CanonicalEnsemble[LogitsT]:
        """Evaluate the distribution at a temperature.

        Parameters
        ----------
        temperature : float or array, floating or integer, broadcastable against the rows of energies
            T in units of k_B.  0, of either sign, is the limit from above: uniform over the lowest states.  ±inf is
            uniform over all.  A negative T favours high energies; its limit at 0 is ``at_beta(-inf)``.

        Returns
        -------
        CanonicalEnsemble
            One for each row.

        Raises
        ------
        TypeError
            If `temperature` is neither a number nor a floating or integer array of the library of the energies.
        ValueError
            If it is nan (where values cannot be read without a synchronisation or a graph computation, that row
            is nan), does not broadcast, or is on another device.

        Notes
        -----
        Theorems: free-energy, infinite-temperature, ground-states.
        """
        rows, levels = self._levels(temperature=temperature)
        with quiet(rows.xp):
            t = self._column("temperature", temperature, levels, rows)
            return CanonicalEnsemble(self, rows.reduced(reciprocal(t, rows.xp)), rows.reduced(t))

    def at_beta(self, beta: float | SupportsArray, /) -> CanonicalEnsemble[LogitsT]:
        """Evaluate the distribution at an inverse temperature.

        Parameters
        ----------
        beta : float or array, floating or integer, broadcastable against the rows of energies
            β = 1 / T.  0 is uniform over all states, inf over the lowest, −inf over the highest.

        Returns
        -------
        CanonicalEnsemble
            One for each row; its temperature is inf for β = 0.

        Raises
        ------
        TypeError
            If `beta` is neither a number nor a floating or integer array of the library of the energies.
        ValueError
            If it is nan (where values cannot be read without a synchronisation or a graph computation, that row
            is nan), does not broadcast, or is on another device.

        Notes
        -----
        Theorems: boltzmann-distribution, mean-and-variance-of-the-energy, ground-states, forbidden-states.
        """
        rows, levels = self._levels(beta=beta)
        with quiet(rows.xp):
            b = self._column("beta", beta, levels, rows)
            return CanonicalEnsemble(self, rows.reduced(b), rows.reduced(reciprocal(b, rows.xp)))

    def at_mean_energy(
        self, mean_energy: float | SupportsArray, /, *, max_iter: int = MAX_ITER
    ) -> tuple[CanonicalEnsemble[LogitsT], EntropyCertificate[LogitsT]]:
        r"""Find the distribution of the largest entropy among those of a mean energy.

        .. math:: \max_q H(q) \;\text{ subject to }\; \langle E \rangle_q = E
            \qquad = \qquad \min_\beta \; \log Z(\beta) + \beta E .

        Parameters
        ----------
        mean_energy : float or array, floating or integer, broadcastable against the rows of energies
            E, strictly between the lowest and the highest energy of its row.
        max_iter : int, default 24
            The largest number of steps, at least 0, each of which evaluates the distribution once.  It stops earlier
            once all rows have converged, where that can be read without a synchronisation or a graph computation;
            elsewhere all are taken, and what is compiled is as long: 8 will do for levels without extreme gaps.

        Returns
        -------
        ensemble : CanonicalEnsemble
            One for each row, with a negative temperature where E is above the mean of the energies.
        certificate : EntropyCertificate
            How near it is.

        Raises
        ------
        TypeError
            If `mean_energy` is neither a number nor a floating or integer array of the library of the energies, or
            `max_iter` is no integer.
        ValueError
            If E is not between the ends, or all energies of a row are equal (where values cannot be read without a
            synchronisation or a graph computation, that row is nan); if it does not broadcast or is on another
            device; if `max_iter` is negative.

        Notes
        -----
        Newton's method for log((⟨E⟩ − lowest) / (highest − ⟨E⟩)), which is linear in β for two levels, in a bracket
        of β.  A step that leaves the bracket is replaced by its geometric mean, so that no row diverges.  Where a row
        has converged, two more steps are taken from a constant: what automatic differentiation makes of them is
        dβ/dE = −1 / Var E and its like, to second order, whatever the steps before were.

        Theorems: energy-dual, newton-step, two-levels.
        """
        rows, levels = self._levels(mean_energy=mean_energy)
        xp, max_iter = rows.xp, whole_number("max_iter", max_iter)
        if max_iter < 0:
            msg = f"`max_iter` must be at least 0, not {max_iter}."
            raise ValueError(msg)
        with quiet(xp):
            target = self._column("mean_energy", mean_energy, levels, rows)
            inside = xp.logical_and(levels.bottom < target, target < levels.top)
            if is_readable(xp, target):
                self._refuse(levels, target, inside, rows)
            target = xp.where(inside, target, xp.nan)
            shares = Shares.of(levels, target)
            x, done, iterations = solution(shares, max_iter)
            beta = shares.polished(x, done)
            ensemble = CanonicalEnsemble(self, rows.reduced(beta), rows.reduced(reciprocal(beta, xp)))
            state = ensemble._state  # noqa: SLF001  # ours
            parts = (*state.bounds(target), iterations, state.attains(target))
            return ensemble, EntropyCertificate(*(rows.reduced(x) for x in parts))

    def _levels(self, **others: SupportsArray | float) -> tuple[Rows, Levels]:
        arrays = {name: x for name, x in others.items() if not isinstance(x, Real)}
        xp = namespace_of(energies=self.energies, **arrays)
        rows = Rows.of("energies", self.energies, self.axis, xp)
        with quiet(xp):
            return rows, Levels.of(rows.last(self.energies), xp)

    def _column(self, name: str, value: SupportsArray | float, levels: Levels, rows: Rows) -> Array:
        """Return a number for each row, or the rows of an array, as a column."""
        xp = rows.xp
        if isinstance(value, Real):
            return xp.zeros_like(levels.bottom) + number(name, value, low=-math.inf, high=math.inf, closed=True)
        real_dtype(name, value, xp)
        broadcasts_against(name, value, rows.batch_shape, "the energies without their class axis")
        x = rows.cast(value)
        if is_readable(xp, x):
            refuse_values(name, x, xp.isnan(x), "be a number", xp)
        return xp.zeros_like(levels.bottom) + xp.expand_dims(x, axis=-1)

    def _refuse(self, levels: Levels, target: Array, inside: Array, rows: Rows) -> None:
        """Raise for the first mean energy that is not between the ends."""
        xp = rows.xp
        flat = xp.logical_and(levels.bottom == levels.top, xp.isfinite(levels.bottom))
        must = "hold two different levels in each row to have a temperature by its mean energy"
        refuse_values("energies", rows.reduced(levels.bottom), rows.reduced(flat), must, xp)
        must = "lie strictly between the lowest and the highest level of its row, whose distributions"
        must += " `at_temperature(0)` and `at_beta(-inf)` are"
        refuse_values("mean_energy", rows.reduced(target), rows.reduced(xp.logical_not(inside)), must, xp)

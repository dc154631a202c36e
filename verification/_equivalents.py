"""Mutants that are no wrong code: they compute the same numbers, for the reason that is given."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "_entropy.cross_entropies:constant-8f3189": "Where p is 0, the term is left out, whatever it is made from: no "
    "value changes.  What changes is what torch and JAX differentiate, which other tests hold.",
    "_jacobian.centred:constant-6a2b46": "The largest entry at a maximal logit is −inf only where a row has no "
    "classes, or where all entries are: no element of a result changes.",
    "_logits.over:branch-3be441": "u / 4 and t / 4 are exact, but for subnormal u, and the quotient is rounded alike.",
    "_namespace.rows_in_order:connective-9061ae": "A vector has one layout: to lay it out anew changes no number.",
}
"""By the id of the mutant; one that is refused after all, or is no longer generated, fails the run."""

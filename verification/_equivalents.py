"""Mutants that are no wrong code: they compute the same numbers, for the reason that is given."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "_assembly.Case.linearized:guard-5e637e": "The gradient is used only where logits are bent by a softcap: elsewhere "
    "it is evaluated in vain.",
    "_assembly.Call.case:constant-ecfb64": "A logit that can have no part is exchanged for a number, whatever that is.",
    "_targets.TargetWeights.sized:guard-814109": "Where the total is 1 whatever the values are, multiplying by it "
    "changes no number.",
    "_entropy.cross_entropies:constant-8f3189": "Where p is 0, the term is left out, whatever it is made from: no "
    "value changes.  What changes is what torch and JAX differentiate, which other tests hold.",
    "_jacobian.centred:constant-6a2b46": "The largest entry at a maximal logit is −inf only where a row has no "
    "classes, or where all entries are: no element of a result changes.",
    "_levels.reciprocal:constant-c5c403": "Where x is 0, the quotient is left out, whatever it is: no value changes.",
    "_logits.over:branch-3be441": "u / 4 and t / 4 are exact, but for subnormal u, and the quotient is rounded alike.",
    "_namespace.rows_in_order:connective-9061ae": "A vector has one layout: to lay it out anew changes no number.",
}
"""By the id of the mutant; one that is refused after all, or is no longer generated, fails the run."""

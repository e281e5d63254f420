"""Published cells: the numbers that readers may see, each computed once from the events, perturbed, and never changed again.

Owns the choice of the spans, the noise, the rule for what is shown and the writing of `pixel.cells` (cell key method: Handbook on Statistical
Disclosure Control, section 5.4). May use `reports` and the rooms below it.
"""

__all__ = ["commands", "counting", "job", "ledger", "secret"]

"""The problems of each site: the fault, its begin, the people who met it and their number; and its life.

Owns the counting of the series, the evaluation of each minute, `pixel.problems`, and the sentence about a problem. May use `detection`,
`publish`, `marks` and the rooms below them. `ship` evaluates; `alerts` tells people.
"""

__all__ = ["commands", "counting", "job", "life", "problem", "sentences", "store", "words"]

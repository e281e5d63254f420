"""What is broken, since when, for whom, and how many people it cost: the problems of each site, and their life.

Owns the counting of the series, the evaluation of each minute, `pixel.problems`, and the sentence about a problem. May use `detection`,
`publish`, `marks` and the rooms below them. `ship` evaluates; `alerts` tells people.
"""

__all__ = ["commands", "counting", "job", "problem", "sentences"]

"""What the page of a problem shows: the problem itself, the published numbers of its place, who else is concerned, and what became of it.

Owns which report has the numbers of a place (`place`). Pages may use it; it asks only as the user of the person's role.
"""

__all__ = ["closer", "fault", "life", "lines", "numbers"]

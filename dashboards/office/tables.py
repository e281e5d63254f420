"""The heads and cells of a plain table."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.pages.answered import Cell, Column


def columns(*titles: str, numbers: Sequence[int] = ()) -> list[Column]:
    """Return the heads of a table; `numbers` are the places of columns with numbers."""
    return [Column(title, "", place in numbers) for place, title in enumerate(titles)]


def row(*texts: object, numbers: Sequence[int] = (), href: str = "") -> list[Cell]:
    """Return the cells of a row, whose first cell leads to `href`."""
    return [
        Cell(str(text), place in numbers, None, href if place == 0 and href else "") for place, text in enumerate(texts)
    ]

"""The roles of people, the sections that they open, and the database user as which each asks.

Owns this table alone: a page names its section and decides nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

Role = Literal["ops", "security", "privacy", "owner", "admin"]
Section = Literal["overview", "technical", "fraud", "health", "privacy", "embed"]
DatabaseUser = Literal["ops", "security", "privacy"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)

_OPEN: Final[Mapping[Role, frozenset[Section]]] = {
    "ops": frozenset({"overview", "technical", "health", "embed"}),
    "security": frozenset({"overview", "technical", "fraud", "health"}),
    "privacy": frozenset({"overview", "health", "privacy"}),
    "owner": frozenset({"overview", "technical", "embed"}),
    "admin": frozenset(SECTIONS),
}
_ASKS: Final[Mapping[tuple[Role, Section], DatabaseUser]] = {
    ("ops", "technical"): "ops",
    ("owner", "technical"): "ops",
    ("security", "technical"): "security",
    ("security", "fraud"): "security",
    ("privacy", "privacy"): "privacy",
    ("admin", "technical"): "ops",
    ("admin", "fraud"): "security",
    ("admin", "privacy"): "privacy",
}


def may_open(role: Role, section: Section) -> bool:
    """Return whether the role opens pages of the section."""
    return section in _OPEN[role]


def sections_of(role: Role) -> tuple[Section, ...]:
    """Return the sections that the role opens, in the order of the menu."""
    return tuple(section for section in SECTIONS if may_open(role, section))


def database_user(role: Role, section: Section) -> DatabaseUser:
    """Return the user as which a role asks for what a section shows; raises `PermissionError` where it may not ask."""
    try:
        return _ASKS[role, section]
    except KeyError:
        raise PermissionError(f"role {role} asks nothing of {section}") from None

"""Finds pages that only their query tells apart: roles, and sensitive groups of sites such as `/?page_id=10`.

Owns the grammar of a place in the settings: a path template, a parameter of the query, and its value. Judged before the query
is dropped; of a rule only its result is stored. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.scrub.decode import plain
from pipeline.scrub.paths import plain_path


class PlaceRule(NamedTuple):
    """A rule: pages whose path fits `path` (None: any) and whose `parameter` ('': none needed) has `value` ('': any)."""

    path: re.Pattern[str] | None
    parameter: str
    value: str
    stored: str

    @classmethod
    def of(cls, path: str, parameter: str, value: str, stored: str) -> PlaceRule:
        """Compile the words of the settings; in a path `*` is one segment."""
        template = re.escape(plain_path(path).lower()).replace(r"\*", "[^/]+")
        return cls(re.compile(template) if path else None, parameter, plain(value), stored)

    @classmethod
    def of_address(cls, address: str, stored: str) -> PlaceRule:
        """Compile `/path?name=value`."""
        path, _, pair = address.partition("?")
        name, _, value = pair.partition("=")
        return cls.of(path, name, value, stored)


@dataclass(frozen=True, slots=True)
class Places:
    """The rules of one kind in the order of the settings; the first that fits counts."""

    rules: tuple[PlaceRule, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the query that the rules need."""
        return frozenset(rule.parameter for rule in self.rules) - {""}

    def find(self, path: str, given: Mapping[str, str]) -> str:
        """Return the result of the first rule that fits a plain path in small letters and the given parameters; '' for none."""
        for rule in self.rules:
            if rule.parameter and (not (value := given.get(rule.parameter)) or rule.value not in ("", value)):
                continue
            if rule.path is None or rule.path.fullmatch(path):
                return rule.stored
        return ""


NO_PLACES = Places()

"""The built-in classes of providers: hosting and mobile carriers by the numbers of their autonomous systems.

Owns the reading of `providers.toml`. The table says only what holds for all of a system: a carrier with fixed lines
beside its phones is not `mobile`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Literal

import msgspec


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider and the numbers of its systems of one class."""

    name: str
    net_class: Literal["datacenter", "mobile"]
    systems: tuple[int, ...]


class Providers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table, and the day on which a person last read it through."""

    reviewed: date
    provider: tuple[Provider, ...]

    @property
    def classes(self) -> Mapping[int, Literal["datacenter", "mobile"]]:
        """The class of each system by its number."""
        return {number: provider.net_class for provider in self.provider for number in provider.systems}


def read_providers() -> Providers:
    """Return the built-in table."""
    text = (files("pipeline.networks") / "providers.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), Providers)

"""The settings of a cluster: which belong together, and what would count rows twice or lose them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.settings.sections import ClickHouse

ONE, TWO = "https://one.example:8443", "https://two.example:8443"
WHOLE: dict[str, Any] = {"url": ONE, "cluster": "clinics", "shards": (ONE, TWO)}


@pytest.mark.parametrize("more", [{}, {"replicated": True}, {"replicated": True, "quorum": True}])
def test_a_whole_cluster_is_taken(more: dict[str, bool]) -> None:
    assert ClickHouse(**WHOLE, **more).shards == (ONE, TWO)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"shards": ()}, "belong together"),
        ({"cluster": ""}, "belong together"),
        ({"url": TWO}, "the first of `shards` is the server at `url`"),
        ({"url": None}, "the first of `shards` is the server at `url`"),
        ({"shards": (ONE, TWO, TWO)}, "has an address twice"),
        ({"quorum": True}, "`quorum` needs replicas"),
        ({"cluster": "a b"}, "pattern"),
        ({"cluster": "a'"}, "pattern"),
        ({"shards": (ONE, "https://pixel:hunter2@two.example")}, "without user and password"),
    ],
)
def test_a_part_of_a_cluster_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ClickHouse(**(WHOLE | change))


@pytest.mark.parametrize("name", ["replicated", "quorum"])
def test_replicas_without_a_cluster_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="are for a cluster"):
        ClickHouse(url=ONE, **{name: True})  # type: ignore[arg-type]

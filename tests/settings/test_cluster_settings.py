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
        ({"shards": (ONE, TWO, f"{TWO}/")}, "has an address twice"),
        ({"shards": (ONE, TWO, TWO.replace("two", "TWO"))}, "has an address twice"),
        ({"shards": (ONE, TWO, TWO.removesuffix(":8443"))}, "has an address twice"),
        ({"shards": (ONE, "http://[::1]:8123", "http://[0:0::0:1]:8123")}, "has an address twice"),
        ({"shards": (ONE, f"{TWO}?user=pixel")}, "without user and password"),
        ({"shards": (ONE, "http://two.example:99999")}, "expected an address"),
        ({"quorum": True}, "`quorum` needs replicas"),
        ({"cluster": "a b"}, "pattern"),
        ({"cluster": "a'"}, "pattern"),
        ({"shards": (ONE, "https://pixel:hunter2@two.example")}, "without user and password"),
    ],
)
def test_a_part_of_a_cluster_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ClickHouse(**(WHOLE | change))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://db.example", "http://db.example:8123"),
        ("https://DB.example/", "https://db.example:8443"),
        ("HTTPS://db.example:9443/Pixel/", "https://db.example:9443/Pixel"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]:8123"),
    ],
)
def test_an_address_has_one_form_with_the_port_that_is_asked(given: str, used: str) -> None:
    assert ClickHouse(url=given).url == used
    assert ClickHouse(url=given, cluster="clinics", shards=(used,)).shards == (used,)


@pytest.mark.parametrize("name", ["replicated", "quorum"])
def test_replicas_without_a_cluster_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="are for a cluster"):
        ClickHouse(url=ONE, **{name: True})  # type: ignore[arg-type]

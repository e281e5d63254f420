"""The words of the schema that differ between one server and a cluster with replicas.

Owns `$merge_tree`, `$replacing_merge_tree`, `$deduplication_window` and `$on_cluster` of the SQL files. Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.settings.model import Settings


class Flavour(NamedTuple):
    """The place of the tables: one server, or every server of a named cluster, replicated."""

    cluster: str = ""


def flavour(_settings: Settings) -> Flavour:
    """Return the flavour for the settings: so far always one server, embedded or not."""
    return Flavour()


def words(flavour: Flavour) -> dict[str, str]:
    """Return the text of each word; the path of a replicated table is the server's `default_replica_path`."""
    replicated = "Replicated" if flavour.cluster else ""
    return {
        "merge_tree": f"{replicated}MergeTree",
        "replacing_merge_tree": f"{replicated}ReplacingMergeTree",
        "deduplication_window": "replicated_deduplication_window"
        if flavour.cluster
        else "non_replicated_deduplication_window",
        "on_cluster": f" ON CLUSTER {flavour.cluster}" if flavour.cluster else "",
    }

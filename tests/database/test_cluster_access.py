"""The rights on the servers of a cluster: the same as on one server, on the names that a shard has, and two more for the migrator."""

from __future__ import annotations

import re

import pytest

from pipeline.database.access import USERS, Access, access_sql, parse_access
from pipeline.database.engine_config import server_users_xml, users_xml

PASSWORDS = dict.fromkeys(USERS, "password")


@pytest.fixture
def one() -> Access:
    return parse_access(access_sql(PASSWORDS))


@pytest.fixture
def cluster() -> Access:
    return parse_access(access_sql(PASSWORDS, cluster=True))


def test_rows_are_hidden_on_the_shard_from_the_users_from_whom_one_server_hides_them(
    one: Access, cluster: Access
) -> None:
    local = {"events": "events_local", "held": "held_local"}
    for name, account in one.accounts.items():
        wanted = {(database, local.get(table, table)): text for (database, table), text in account.filters.items()}
        assert cluster.accounts[name].filters == wanted
    assert cluster.accounts["pixel_viewer"].filters[("pixel", "held_local")] == "0"


def test_the_names_over_all_shards_have_no_policy_because_clickhouse_would_refuse_every_query_of_them(
    cluster: Access,
) -> None:
    tables = {table for account in cluster.accounts.values() for _, table in account.filters}
    assert not tables & {"events", "held"}


def test_only_the_migrator_may_ask_other_servers(cluster: Access) -> None:
    having = {
        name
        for name, account in cluster.accounts.items()
        for grant in account.grants
        if "REMOTE" in grant or "CLUSTER" in grant or "*.*" in grant
    }
    assert having == {"pixel_migrator"}


def test_readers_have_the_rights_that_they_have_on_one_server(one: Access, cluster: Access) -> None:
    for name in ("ops", "security", "privacy"):
        assert cluster.accounts[name].grants == one.accounts[name].grants
        assert cluster.accounts[name].profile == one.accounts[name].profile


def test_the_definer_has_no_bounds_of_its_own_that_would_replace_those_of_who_asks(
    one: Access, cluster: Access
) -> None:
    assert (one.accounts["pixel_viewer"].profile, cluster.accounts["pixel_viewer"].profile) == (
        "pixel_reader",
        "pixel_definer",
    )
    bounds = cluster.profiles["pixel_definer"]
    assert not any(bound.least or bound.changeable for bound in bounds)
    assert [bound.name for bound in bounds if bound.fixed] == ["max_result_rows"]


@pytest.mark.parametrize("profile", ["pixel_reader", "pixel_service", "pixel_definer"])
def test_on_a_cluster_no_condition_of_a_reader_reaches_the_rows_of_a_shard(profile: str, cluster: Access) -> None:
    fixed = {bound.name: bound.value for bound in cluster.profiles[profile] if not bound.changeable}
    assert fixed["allow_push_predicate_ast_for_distributed_subqueries"] == "0"
    assert fixed["serialize_query_plan"] == "0"
    assert fixed["distributed_product_mode"] == "global"
    assert fixed["prefer_global_in_and_join"] == "1"


@pytest.mark.parametrize("profile", ["pixel_reader", "pixel_service", "pixel_definer"])
def test_nobody_is_given_the_numbers_of_a_cluster_without_those_of_a_shard_that_is_away(
    profile: str, cluster: Access
) -> None:
    fixed = {bound.name: bound.value for bound in cluster.profiles[profile] if not bound.changeable}
    assert fixed["skip_unavailable_shards"] == "0"


def test_a_fixed_setting_is_fixed_in_the_files_of_users_too(cluster: Access) -> None:
    for text in (users_xml(cluster), server_users_xml(cluster)):
        (definer,) = re.findall("<pixel_definer>.*</pixel_definer>", text, re.DOTALL)
        assert "<max_result_rows><readonly/></max_result_rows>" in definer

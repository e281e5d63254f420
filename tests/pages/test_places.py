"""Pages that only their query tells apart: parameters of the page, sensitive pages by query, roles."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.pages.page import SitePages, read_page, read_referrer
from pipeline.settings.site import Site

BITRIX = Site.model_validate(
    {
        "id": "clinic",
        "hosts": ["clinic.example"],
        "page_parameters": ["ELEMENT_ID", "section"],
        "sensitive": {"hiv": ["/?page_id=10", "/hiv"]},
        "roles": [
            {"role": "done", "path": "/appointment", "parameter": "sent", "value": "Y"},
            {"role": "form", "path": "/appointment"},
            {"role": "search", "parameter": "s"},
            {"role": "login", "path": "/*/login"},
        ],
    }
)
PAGES = SitePages.of(BITRIX)


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("/doctors/detail.php?ELEMENT_ID=12", "/doctors/detail.php?ELEMENT_ID=12"),
        ("/doctors/?utm_source=a&ELEMENT_ID=12345#x", "/doctors?ELEMENT_ID=12345"),
        ("/catalog/?section=lab&ELEMENT_ID=7", "/catalog?ELEMENT_ID=7&section=lab"),
        ("/catalog/?section=LAB", "/catalog?section=lab"),
        ("/catalog/?element_id=7", "/catalog"),
        ("/doctors?ELEMENT_ID=", "/doctors"),
    ],
)
def test_a_parameter_of_the_page_is_part_of_its_stored_path(address: str, stored: str) -> None:
    assert read_page(f"https://clinic.example{address}", PAGES).path == stored


@pytest.mark.parametrize(
    "value",
    [
        "190385",
        "79161234567",
        "anna%40mail.ru",
        "ivanov-petr",
        "8f14e45fceea167a5a36dedd4bea2543",
        "1%2F2",
        "a%26b",
        "12%3F",
    ],
)
def test_a_value_like_an_identifier_is_a_star_in_the_path(value: str) -> None:
    assert read_page(f"https://clinic.example/doctors?ELEMENT_ID={value}", PAGES).path == "/doctors?ELEMENT_ID=*"


def test_parameters_of_the_page_are_not_counted_as_dropped() -> None:
    assert read_page("https://clinic.example/?ELEMENT_ID=1&s=diabetes&fio=Anna", PAGES).dropped_params == 1


@pytest.mark.parametrize("address", ["/?page_id=10", "/?utm_source=x&page_id=10", "/index.php?page_id=%31%30"])
def test_a_page_that_only_its_query_names_can_be_sensitive(address: str) -> None:
    page = read_page(f"https://clinic.example{address}", PAGES)
    assert (page.path, page.sensitive, page.campaign) == ("/~hiv", True, {})
    referrer = read_referrer(f"https://clinic.example{address}", PAGES)
    assert (referrer.path, referrer.sensitive) == ("", True)


@pytest.mark.parametrize("address", ["/?page_id=11", "/?page_id=", "/other?page_id=10", "/?page_id=1&page_id=10"])
def test_another_page_of_that_query_is_not(address: str) -> None:
    assert not read_page(f"https://clinic.example{address}", PAGES).sensitive


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("/appointment?sent=Y", "done"),
        ("/appointment?sent=N", "form"),
        ("/Appointment/", "form"),
        ("/?s=diabetes", "search"),
        ("/?s=", ""),
        ("/lk/login", "login"),
        ("/lk/x/login", ""),
        ("/", ""),
    ],
)
def test_the_role_is_judged_before_the_query_is_dropped(address: str, role: str) -> None:
    page = read_page(f"https://clinic.example{address}", PAGES)
    assert page.role == role
    assert "diabetes" not in repr(page)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sensitive": {"hiv": ["/?page_id"]}},
        {"sensitive": {"hiv": ["/?a=1&b=2"]}},
        {"roles": [{"role": "form"}]},
        {"roles": [{"role": "form", "path": "/a", "value": "1"}]},
        {"roles": [{"role": "Form", "path": "/a"}]},
        {"roles": [{"role": "form", "path": "a"}]},
        {"page_parameters": ["a b"]},
    ],
)
def test_a_rule_that_can_fit_no_page_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Site.model_validate({"id": "clinic", "hosts": ["clinic.example"], **wrong})


def test_the_tag_must_send_every_parameter_that_a_rule_needs() -> None:
    assert BITRIX.kept_parameters == ("ELEMENT_ID", "section", "sent", "s", "page_id")

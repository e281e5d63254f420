"""What the settings say of themselves beyond single values."""

import pytest

from pipeline.settings import Collector


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("stats.internal", "http://stats.internal:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),  # noqa: S104 - a setting, nothing listens
        ("::1", "http://[::1]:8080"),
        ("::", "http://[::1]:8080"),
    ],
)
def test_the_collectors_own_address_can_be_opened_wherever_it_listens(host, url):
    assert Collector(host=host).url == url

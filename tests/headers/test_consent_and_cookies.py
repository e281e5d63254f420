import pytest

from pipeline.headers import cookies
from pipeline.headers.consent import ALLOWED, NOT_GIVEN, Consent, decide

NOW_S = 1_795_000_000
DAY = NOW_S // 86_400
SECRET = "A" * 22


@pytest.mark.parametrize(
    ("word", "facts", "expected"),
    [
        ("implied by clause 2.1", {}, ALLOWED),
        ("implied and given", {"given": True}, ALLOWED),
        ("implied but withheld", {"given": False}, NOT_GIVEN),
        ("explicit, silent", {"kind": "explicit"}, NOT_GIVEN),
        ("explicit, withheld", {"kind": "explicit", "given": False}, NOT_GIVEN),
        ("explicit, given", {"kind": "explicit", "given": True}, ALLOWED),
        ("GPC wins over consent", {"gpc": True, "given": True}, Consent(identify=False, signal="gpc")),
        ("DNT wins over consent", {"dnt": True, "given": True}, Consent(identify=False, signal="dnt")),
        (
            "opt-out wins over consent",
            {"opted_out": True, "kind": "explicit", "given": True},
            Consent(identify=False, signal="opt_out"),
        ),
    ],
)
def test_signals_win_then_the_kind_of_consent(word, facts, expected):
    given = {"gpc": False, "dnt": False, "opted_out": False, "kind": "implied", "given": None} | facts
    assert decide(**given) == expected, word


def test_only_wanted_cookies_are_read_and_the_first_of_a_name_counts():
    header = 'session=top-secret; lang=ru; lang=en; __Host-px="1.2.x" ; broken; =x'
    assert cookies.read(header, {"lang", "__Host-px"}) == {"lang": "ru", "__Host-px": "1.2.x"}


@pytest.mark.parametrize(
    ("word", "value", "valid"),
    [
        ("fresh", f"1.{DAY}.{SECRET}", True),
        ("a year old", f"1.{DAY - 365}.{SECRET}", True),
        ("older than a year", f"1.{DAY - 366}.{SECRET}", False),
        ("clock a day ahead", f"1.{DAY + 1}.{SECRET}", True),
        ("from the future", f"1.{DAY + 2}.{SECRET}", False),
        ("short secret", f"1.{DAY}.abc", False),
        ("other characters", f"1.{DAY}.{'!' * 22}", False),
        ("other version", f"2.{DAY}.{SECRET}", False),
        ("newline behind", f"1.{DAY}.{SECRET}\n", False),
        ("empty", "", False),
    ],
)
def test_an_id_cookie_counts_only_when_well_formed_and_young(word, value, valid):
    assert (cookies.parse_id(value, now_s=NOW_S) is not None) is valid, word


def test_a_new_id_cookie_reads_back_and_is_kept_from_scripts_and_other_hosts():
    value = cookies.new_id(bytes(range(16)), now_s=NOW_S)
    assert cookies.parse_id(value, now_s=NOW_S) is not None
    header = cookies.set_id(value)
    for part in ("__Host-px=", "Max-Age=31536000", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"):
        assert part in header
    assert "Domain" not in header


def test_the_opt_out_cookie_holds_no_identifier():
    assert cookies.set_opt_out().startswith("__Host-px-out=1;")

"""People, sessions, one-time links and the brake on guessing."""

import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboards.access import passwords
from dashboards.access.limits import FORGOTTEN, FREE_OF_ADDRESS, FREE_OF_NAME, LONGEST_WAIT, MOST, Brake
from dashboards.access.links import LASTS, Invitation, Links
from dashboards.access.people import VISIT, Look, People, Person
from dashboards.access.roles import ROLES, SECTIONS, database_user, may_open
from dashboards.access.sessions import AHEAD, IDLE, LONGEST, Sessions

PASSWORD = "four words nobody guesses"
ANNA = Person("anna", "ops")


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def file(tmp_path):
    return tmp_path / "dashboards" / "access.sqlite"


@pytest.fixture
def people(file):
    found = People(file)
    found.add(ANNA, PASSWORD)
    return found


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(file, people, clock):
    return Sessions(file, clock)


def test_the_right_password_signs_in_and_a_wrong_one_or_an_unknown_name_does_not(people):
    assert people.signed_in("anna", PASSWORD).person == ANNA
    assert people.signed_in("anna", PASSWORD + " ") is None
    assert people.signed_in("boris", PASSWORD) is None


def test_no_password_and_no_token_is_in_the_file(file, people, sessions):
    token = sessions.begin("anna")
    link = Links(file).make(Invitation("boris", "owner"))
    content = file.read_bytes()
    assert not [secret for secret in (PASSWORD, token, link) if secret.encode() in content]
    assert b"$argon2id$" in content


def test_only_its_owner_reads_the_file(file, people):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_name_is_given_once(people):
    with pytest.raises(ValueError, match="there already"):
        people.add(Person("anna", "admin"), PASSWORD)
    assert people.find("anna") == ANNA


@pytest.mark.parametrize("name", ["", "-x", "a b", "a" * 65, "<b>", "анна"])
def test_a_malformed_name_is_refused(people, name):
    with pytest.raises(ValueError, match="expected at most 64"):
        people.add(Person(name, "ops"), PASSWORD)


def test_a_page_owner_sees_the_own_sites_only(file):
    People(file).add(Person("olga", "owner", ("clinic",)), PASSWORD)
    olga = People(file).find("olga")
    assert olga.may_see("clinic")
    assert not olga.may_see("branch")


@pytest.mark.parametrize(
    ("password", "refused"),
    [
        ("short", "password_short"),
        ("x" * 201, "password_long"),
        ("aaaaaaaaaaaaaaaa", "password_plain"),
        ("my name is Anna!", "password_plain"),
        (PASSWORD, ""),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused(password, refused):
    assert passwords.refusal(password, "anna") == refused


def test_a_new_password_ends_all_sessions(people, sessions):
    token = sessions.begin("anna")
    people.set_password("anna", "five other words of mine")
    assert sessions.find(token) is None
    assert people.signed_in("anna", PASSWORD) is None
    assert people.signed_in("anna", "five other words of mine").person == ANNA


def test_who_is_removed_is_signed_out(people, sessions):
    token = sessions.begin("anna")
    assert people.remove("anna")
    assert sessions.find(token) is None
    assert not people.remove("anna")


def test_a_session_ends_after_half_an_hour_without_a_request(sessions, clock):
    token = sessions.begin("anna")
    for _ in range(3):
        clock.now += IDLE - 1
        assert sessions.find(token).person == ANNA
    clock.now += IDLE + 1
    assert sessions.find(token) is None


def test_numbers_that_a_page_renews_by_itself_do_not_keep_a_session(sessions, clock):
    token = sessions.begin("anna")
    for _ in range(IDLE // 60):
        clock.now += 60
        assert sessions.find(token, is_by_itself=True).person == ANNA
    clock.now += 1
    assert sessions.find(token, is_by_itself=True) is None


def test_a_session_ends_after_twelve_hours_however_it_is_used(sessions, clock):
    token = sessions.begin("anna")
    for _ in range(LONGEST // (IDLE - 60)):
        clock.now += IDLE - 60
        assert sessions.find(token) is not None
    clock.now += IDLE - 60
    assert sessions.find(token) is None


def test_a_session_can_be_ended(sessions):
    kept, ended = sessions.begin("anna"), sessions.begin("anna")
    sessions.end(sessions.find(ended))
    assert sessions.find(ended) is None
    assert sessions.find(kept) is not None


def test_a_token_that_nobody_was_given_finds_nothing(sessions):
    sessions.begin("anna")
    assert sessions.find("") is None
    assert sessions.find("A" * 43) is None


def test_a_session_keeps_the_reason_that_was_given(sessions):
    token = sessions.begin("anna")
    sessions.give_purpose(sessions.find(token), "complaint 12")
    assert sessions.find(token).purpose == "complaint 12"


def test_a_session_from_a_clock_that_was_ahead_is_over(sessions, clock):
    clock.now += 400 * 86_400
    token = sessions.begin("anna")
    clock.now -= 400 * 86_400
    assert sessions.find(token) is None
    clock.now += 400 * 86_400 - AHEAD
    assert sessions.find(token).person == ANNA, "a clock that was put right by some seconds ends nothing"


def test_a_session_used_with_a_clock_that_was_ahead_ends_when_the_clock_is_put_back(sessions, clock):
    token = sessions.begin("anna")
    clock.now += IDLE - 1
    assert sessions.find(token) is not None
    clock.now -= IDLE - 1
    assert sessions.find(token) is None


def test_a_link_from_a_clock_that_was_ahead_is_over(file, clock):
    links = Links(file, clock)
    clock.now += 400 * 86_400
    token = links.make(Invitation("boris", "owner"))
    clock.now -= 400 * 86_400
    assert links.find(token) is None
    assert not links.use(token)


def test_no_session_begins_for_a_password_that_was_changed_while_it_was_checked(people, sessions):
    known = people.signed_in("anna", PASSWORD)
    people.set_password("anna", "five other words of mine")
    assert sessions.begin("anna", known.stored) == ""
    assert sessions.begin("anna", people.signed_in("anna", "five other words of mine").stored) != ""


def test_no_session_begins_for_somebody_who_was_removed_while_the_password_was_checked(people, sessions):
    known = people.signed_in("anna", PASSWORD)
    people.remove("anna")
    assert sessions.begin("anna", known.stored) == ""
    assert sessions.begin("anna") == ""


def test_a_link_ends_when_the_person_is_removed_or_gets_a_password_or_a_newer_link(file, people):
    links = Links(file)
    first = links.make(Invitation("anna", "admin"))
    second = links.make(Invitation("anna", "ops"))
    assert links.find(first) is None
    assert links.find(second) is not None
    people.set_password("anna", "five other words of mine")
    assert links.find(second) is None
    third = links.make(Invitation("anna", "ops"))
    people.remove("anna")
    assert not links.use(third)


def test_the_link_of_the_first_administrator_ends_when_somebody_else_may_sign_in(file):
    links = Links(file)
    first = links.make_first()
    assert links.find(first) == Invitation("", "admin")
    People(file).add(ANNA, PASSWORD)
    assert links.find(first) is None
    assert not links.use(first)


def test_an_invitation_of_somebody_who_is_there_gives_its_role_and_ends_the_sessions(people, sessions):
    token = sessions.begin("anna")
    people.invited(Person("anna", "owner", ("clinic",)), "five other words of mine")
    assert people.find("anna") == Person("anna", "owner", ("clinic",))
    assert sessions.find(token) is None
    assert people.signed_in("anna", PASSWORD) is None


def test_an_unknown_name_takes_as_long_as_a_wrong_password(people):
    def seconds(name):
        begun = time.process_time()
        people.signed_in(name, "a wrong password")
        return time.process_time() - begun

    passwords.prepare()
    known, unknown = (min(seconds(name) for _ in range(4)) for name in ("anna", "nobody"))
    assert 0.5 < unknown / known < 2


def test_two_programs_share_the_file_and_see_what_the_other_ended(file, people, clock):
    here, there = Sessions(file, clock), Sessions(file, clock)
    token = here.begin("anna")
    assert there.find(token).person == ANNA
    there.end(there.find(token))
    assert here.find(token) is None


def test_twenty_writers_at_once_lose_nothing(file, people, clock):
    sessions = Sessions(file, clock)
    with ThreadPoolExecutor(20) as threads:
        tokens = list(threads.map(sessions.begin, ["anna"] * 20))
    assert all(sessions.find(token) for token in tokens)
    assert len(set(tokens)) == 20


def test_a_link_works_once_and_for_a_day(file, clock):
    links = Links(file, clock)
    token = links.make(Invitation("boris", "owner", ("clinic",)))
    assert links.find(token) == Invitation("boris", "owner", ("clinic",))
    assert links.use(token)
    assert not links.use(token)
    late = links.make(Invitation("boris", "owner"))
    clock.now += LASTS + 1
    assert links.find(late) is None
    assert not links.use(late)


def test_the_first_link_is_for_an_administrator_and_is_made_while_nobody_may_sign_in(file):
    links = Links(file)
    first, second = links.make_first(), links.make_first()
    assert links.find(first) is None, "the earlier first link must end"
    assert links.find(second) == Invitation("", "admin")
    People(file).add(ANNA, PASSWORD)
    assert links.make_first() == ""


def test_guessing_waits_longer_and_longer(clock):
    brake = Brake(FREE_OF_NAME, clock)
    assert [brake.begin("anna") for _ in range(FREE_OF_NAME + 1)] == [0.0] * FREE_OF_NAME + [1.0]
    waits = []
    for _ in range(15):
        clock.now += brake.begin("anna")
        assert brake.begin("anna") == 0
        waits.append(brake.begin("anna"))
    assert waits[:3] == [2, 4, 8]
    assert waits[-1] == LONGEST_WAIT
    assert brake.begin("boris") == 0


def test_a_try_that_must_wait_is_not_counted(clock):
    brake = Brake(1, clock)
    brake.begin("anna")
    assert {brake.begin("anna") for _ in range(50)} == {1.0}


def test_after_an_hour_without_a_try_failures_are_forgotten(clock):
    brake = Brake(2, clock)
    for _ in range(3):
        clock.now += brake.begin("anna")
    clock.now += FORGOTTEN + 1
    assert [brake.begin("anna") for _ in range(3)] == [0, 0, 1]


def test_the_right_password_takes_the_brake_of_the_name_off(clock):
    brake = Brake(FREE_OF_NAME, clock)
    for _ in range(FREE_OF_NAME):
        brake.begin("anna")
    brake.forget("anna")
    assert brake.begin("anna") == 0


def test_a_password_of_ones_own_hides_no_guesses_of_others_from_the_brake_of_the_address(clock):
    brake = Brake(FREE_OF_ADDRESS, clock)
    guesses = 0
    for _ in range(3 * FREE_OF_ADDRESS):
        if brake.begin("192.0.2.7"):
            break
        guesses += 1
        if not brake.begin("192.0.2.7"):
            brake.take_back("192.0.2.7")
    assert guesses == FREE_OF_ADDRESS
    brake.take_back("192.0.2.8")


def test_the_brake_remembers_a_bounded_number_of_keys(clock):
    brake = Brake(1, clock)
    for number in range(MOST + 50):
        brake.begin(f"name {number}")
    assert len(brake._failures) == MOST
    assert brake.begin("name 0") == 0
    assert brake.begin(f"name {MOST}") == 1


def test_a_file_that_is_no_database_is_an_error_of_one_line(file, people):
    from pipeline.errors import Fatal

    file.write_bytes(b"x" * 4096)
    with pytest.raises(Fatal, match="cannot be used"):
        people.find("anna")


def test_the_schema_keeps_types(file, people):
    with pytest.raises(sqlite3.IntegrityError), sqlite3.connect(file) as access:
        access.execute("INSERT INTO links VALUES ('a', 'b', 'c', 'd', 'no time')")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_open_to_some_role_and_fraud_and_privacy_to_few(section):
    open_to = {role for role in ROLES if may_open(role, section)}
    assert "admin" in open_to
    if section == "fraud":
        assert open_to == {"security", "admin"}
    if section == "privacy":
        assert open_to == {"privacy", "admin"}


def test_a_role_asks_the_database_as_its_own_user():
    assert database_user("ops", "technical") == "ops"
    assert database_user("security", "technical") == "security"
    assert database_user("security", "fraud") == "security"
    with pytest.raises(PermissionError):
        database_user("ops", "fraud")
    with pytest.raises(PermissionError):
        database_user("privacy", "technical")


def test_what_is_new_is_what_was_not_there_at_the_end_of_the_last_visit(people):
    assert people.look("anna", "problems", ["a"], 1000.0) == Look(None, frozenset({"a"})), (
        "at the first look nothing is new"
    )
    assert people.look("anna", "problems", ["a", "b"], 1600.0).known == {"a"}, "b came while anna looks"
    assert people.look("anna", "problems", ["a", "b"], 1600.0 + VISIT - 1).known == {"a"}, "the same visit"
    later = people.look("anna", "problems", ["b", "c"], 1600.0 + 2 * VISIT)
    assert later == Look(1600.0 + VISIT - 1, frozenset({"a", "b"}))
    assert people.look("anna", "problems", ["b", "c"], 1601.0 + 2 * VISIT) == later, (
        "loading the page again forgets nothing"
    )


def test_each_person_and_each_list_has_its_own_look_and_it_goes_with_the_person(people, file):
    people.add(Person("boris", "admin"), PASSWORD)
    people.look("anna", "problems", ["a"], 1000.0)
    assert people.look("boris", "problems", ["b"], 9000.0).before is None
    assert people.look("anna", "cases", [], 9000.0).before is None
    assert people.look("anna", "problems", ["b"], 9000.0) == Look(1000.0, frozenset({"a"}))
    people.remove("anna")
    with sqlite3.connect(file) as access:
        assert access.execute("SELECT name FROM looks").fetchall() == [("boris",)]

"""The texts of the pages."""

import re
import string
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from dashboards.words.catalogue import Words, column_meaning, column_title, preferred, texts, value_title
from pipeline.enrich.agents import Device
from pipeline.errors import Reason
from pipeline.event import CountName
from pipeline.operations.doctor import CHECKS
from pipeline.problems.words import table
from pipeline.reasons import QuarantineReason, RejectReason
from pipeline.reports.buckets import Grain
from pipeline.reports.catalogue import all_reports
from pipeline.reports.header import COUNTED

ROOT = Path(__file__).parents[2]
FORMS = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}}
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_both_languages_have_the_same_texts():
    assert texts("en").keys() == texts("ru").keys()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_text_with_a_number_has_the_plural_forms_of_its_language(language):
    plural = {key: set(text) for key, text in texts(language).items() if isinstance(text, dict)}
    assert plural
    assert {key: forms for key, forms in plural.items() if forms != FORMS[language]} == {}


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_text_takes_the_same_values_in_both_languages():
    def values(language):
        return {
            key: set().union(*map(fields, text.values())) if isinstance(text, dict) else fields(text)
            for key, text in texts(language).items()
        }

    assert values("en") == values("ru")


def used_keys():
    """Return the keys that templates and pages name in full, and the beginnings of those that they put together."""
    code = [file.read_text() for file in (*ROOT.glob("dashboards/templates/*"), *ROOT.glob("dashboards/**/*.py"))]
    whole, beginnings = set(), set()
    for text in code:
        whole |= set(re.findall(r'say\("(\w+)"[,)]', text)) | set(re.findall(r'refuse\(\d+, "(\w+)"', text))
        beginnings |= set(re.findall(r'say\("(\w+_)" \+', text))
        whole |= set(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', text))
    return whole, beginnings


def test_every_text_that_a_page_names_is_there():
    named = set()
    for file in ROOT.glob("dashboards/templates/*"):
        named |= set(re.findall(r'say\("(\w+)"[,)]', file.read_text()))
    assert named - texts("en").keys() == set()


def test_every_text_is_used():
    whole, beginnings = used_keys()
    unused = [
        key
        for key in texts("en")
        if not key.startswith(("column_", "value_", "counted_in_"))
        and key not in whole
        and key.removesuffix("_told") not in whole
        and not key.startswith(tuple(beginnings))
    ]
    assert unused == []


def test_every_column_of_every_report_has_a_title_and_no_title_is_unused():
    columns = {name for report in all_reports() for name in report.columns}
    for language in ("en", "ru"):
        titles = {key.removeprefix("column_") for key in texts(language) if key.startswith("column_")}
        assert titles == columns


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_two_columns_of_a_report_have_the_same_title(language):
    for report in all_reports():
        titles = [column_title(name, language) for name in report.columns]
        assert sorted(titles) == sorted(set(titles)), report.name


def test_every_unit_of_a_number_has_a_word_and_no_word_is_unused():
    columns = [column for report in all_reports() for column in report.columns.values()]
    units = {column.unit for column in columns}
    counted = {
        column.unit for column in columns if column.kind in COUNTED or (column.kind == "derived" and not column.type)
    }
    words = {key.removeprefix("counted_in_") for key in texts("ru") if key.startswith("counted_in_")}
    assert words - {unit.replace(" ", "_") for unit in units} == set()
    assert {unit.replace(" ", "_") for unit in counted} - words == set()


def test_a_title_is_short():
    titles = [text for language in ("en", "ru") for key, text in texts(language).items() if key.startswith("column_")]
    assert max(map(len, titles)) <= 24


def test_a_column_without_a_title_has_its_name():
    assert column_title("page_group", "ru") == "раздел"
    assert column_title("new_column", "ru") == "new column"


def test_every_check_of_doctor_has_its_name_and_no_name_is_unused():
    named = {key.removeprefix("check_") for key in texts("ru") if key.startswith("check_")}
    assert named == {name for name, _ in CHECKS}


def values_of(column):
    """Return the values that have a word in a column."""
    return {key.removeprefix(f"value_{column}_") for key in texts("ru") if key.startswith(f"value_{column}_")}


def test_every_reason_of_a_refusal_or_rejection_has_its_word_and_so_has_an_hour_without_one():
    assert values_of("reason") == {*Reason, *RejectReason, *QuarantineReason, "none"}


def test_every_kind_of_problem_and_every_cause_has_its_word():
    assert values_of("kind") == table().watches.keys()
    assert values_of("evidence") == table().causes.keys()


def test_every_span_and_every_outcome_has_its_word():
    assert values_of("grain") == {*get_args(Grain)}
    assert values_of("outcome") == {*get_args(CountName), "pending", "unexplained"}


def test_a_measure_and_a_report_have_their_titles():
    assert value_title("measure", "visitors", "ru") == "посетители"
    assert value_title("report", "pages", "ru") == next(each for each in all_reports() if each.name == "pages").ru.title
    assert value_title("report", "another", "ru") == "another"


def test_every_kind_of_device_has_its_word():
    assert values_of("device") == {*get_args(Device)} - {""}


def test_every_class_of_network_has_its_word():
    migration = (ROOT / "sql/migrations/0007_fraud.sql").read_text()
    enumeration = re.search(r"net_class +Enum8\(([^)]+)\)", migration)
    assert enumeration
    assert values_of("class") == set(re.findall(r"'(\w+)'", enumeration[1]))


def test_every_identity_of_a_robot_has_its_word():
    report = next(report for report in all_reports() if report.name == "robots")
    listed = re.search(r"multiIf\((.*?)\) AS identity", report.sql, re.DOTALL)
    assert listed
    found = re.findall(r", '([a-z ]+)'(?:,\n|$)|^\s*'([a-z]+)'$", listed[1].rstrip(), re.MULTILINE)
    assert values_of("identity") == {(one or other).replace(" ", "_") for one, other in found}


def test_a_word_for_a_value_belongs_to_a_column_of_a_report():
    columns = {name for report in all_reports() for name in report.columns}
    keys = [key.removeprefix("value_") for key in texts("en") if key.startswith("value_")]
    assert [key for key in keys if key.split("_")[0] not in columns] == []


def test_a_value_has_its_word_in_its_own_column_alone():
    assert value_title("owner", "print or mail", "ru") == "печать или почта"
    assert value_title("page", "own", "ru") == "own"
    assert value_title("device", "unforeseen", "ru") == "unforeseen"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_text_has_the_dashes_and_quotes_of_print(language):
    forms = [
        (key, form)
        for key, text in texts(language).items()
        for form in (text.values() if isinstance(text, dict) else (text,))
    ]
    assert [key for key, form in forms if " - " in form or '"' in form] == []


def test_numbers_are_written_as_the_language_writes_them():
    assert Words("en").say("open_problems", n=1234) == "1,234 problems are open"
    assert Words("ru").say("open_problems", n=1) == "1 открытая проблема"
    assert Words("ru").say("open_problems", n=3) == "3 открытые проблемы"
    assert Words("ru").say("open_problems", n=11) == "11 открытых проблем"
    assert Words("ru").written(1234.5) == "1\N{NO-BREAK SPACE}234,5"


def test_a_time_has_its_age_in_words():
    assert Words("en").ago(NOW - timedelta(minutes=5), NOW) == "5 minutes ago"
    assert Words("ru").ago(NOW - timedelta(hours=2), NOW) == "2 часа назад"
    assert Words("ru").time(NOW, UTC) == "28 нояб., 12:00"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("de,ru;q=0.5", "ru"),
        ("de", "en"),
        ("en-GB,ru", "en"),
        ("," * 5000, "en"),
    ],
)
def test_the_first_language_that_we_have_is_taken(accepted, language):
    assert preferred(accepted) == language


def test_every_column_of_every_report_has_its_meaning_in_russian():
    for report in all_reports():
        for name in report.columns:
            assert re.search("[а-яё]", column_meaning(report, name, "ru")), (report.name, name)
            assert column_meaning(report, name, "en").startswith(report.columns[name].meaning)
    assert column_meaning(all_reports()[0], "another", "ru") == ""


def test_no_russian_meaning_is_unused():
    known = tomllib.loads((ROOT / "dashboards/words/meanings.toml").read_text())
    used = {report.name: set(report.columns) for report in all_reports()}
    assert {(name, column) for name, of in known["of"].items() for column in of.keys() - used[name]} == set()
    common = {column for name, columns in used.items() for column in columns - known["of"].get(name, {}).keys()}
    assert known["columns"].keys() == common
    assert known["units"].keys() == {column.unit for report in all_reports() for column in report.columns.values()}

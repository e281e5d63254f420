"""The act of destruction and its log extract, which a Russian operator has to keep for three years.

Owns the text. Source: requirements for confirming the destruction of personal data, Roskomnadzor order of 28.10.2022
No. 179: clause 3 lists the contents of an act, clause 5 the contents of the extract of the event log. Contractors,
positions and signatures are lines to fill in, because only the operator knows them. The text is Russian, for its readers.
"""

from __future__ import annotations

import platform
from collections.abc import Collection, Sequence
from textwrap import fill
from typing import Final

from pipeline.audit.actions import Action
from pipeline.audit.chain import Entry, Head
from pipeline.audit.log import Audit
from pipeline.errors import Fatal

_WIDTH: Final = 110
_BLANK: Final = "_" * 60
_SUBJECTS: Final = (
    "посетители сайта за указанные дни; поимённо не установлены, поскольку имена не собираются; сведения опознаются"
    " по дню и отпечатку ключа"
)
_CATEGORIES: Final = (
    "сведения, позволяющие связать событие с IP-адресом, файлом cookie или программой пользователя"
    " (столбцы ip_token, net_token, visitor, ua_token, click_token), п. 3.3 политики"
)
_METHOD: Final = (
    "ключ перезаписан нулями на месте, файл удалён; после этого значения перечисленных столбцов нельзя обратить или"
    " связать с лицом; сами строки удаляются по истечении срока"
)
_ERASED_SUBJECT: Final = "посетитель сайта, доказавший кодом запроса, что располагает файлом cookie; обращение № {case}, заявитель: {requester}"
_ERASED_CATEGORIES: Final = (
    "все сохранённые события посетителя с технически передаваемыми сведениями по п. 3.3 политики; строк по таблицам:"
    " {counts}; неотправленных записей в очереди: {unshipped}; записей в карантине: {quarantined}"
)
_ERASED_METHOD: Final = (
    "строки удалены из таблиц базы данных (ALTER TABLE ... DELETE), после удаления повторный подсчёт дал 0 строк в каждой"
    " таблице; прежние файлы базы удаляются ею самой в течение десяти минут; записи очереди в таблицы не попадают;"
    " резервные копии и снимки, если оператор их делает, уничтожаются по их сроку"
)
_ACT: Final = """\
АКТ ОБ УНИЧТОЖЕНИИ ПЕРСОНАЛЬНЫХ ДАННЫХ
(приказ Роскомнадзора от 28.10.2022 № 179)

1. Оператор (наименование, адрес):
{operator}
2. Лица, обрабатывавшие данные по поручению оператора:
{blank}
3. Субъекты персональных данных:
{subjects}
4. Категории уничтоженных данных:
{categories}
5. Информационная система:
{system}
6. Способ уничтожения:
{method}
7. Причина и дата (UTC):
{causes}
8. Лица, уничтожившие данные (ФИО, должность, подпись):
{blank}
{blank}

ВЫГРУЗКА ИЗ ЖУРНАЛА РЕГИСТРАЦИИ СОБЫТИЙ
Субъекты, категории и система: пп. 3, 4 и 5 акта. Журнал: {file}
Под каждой строкой её номер и хеш цепочки.
{extract}
"""


def act_of_destruction(audit: Audit, keys: Collection[str], *, operator: str) -> str:
    """Return the act for the keys of these names with the extract of the log; the audit is its only source.

    `operator` is the name and address to print. Raises `Fatal` where the chain of the audit is broken.
    """
    lines = _lines(audit, Action.KEY_DESTROYED, "key", keys)
    causes = [_key(entry) for entry, _ in lines]
    return _act(audit, operator, _SUBJECTS, _CATEGORIES, _METHOD, causes, lines)


def act_of_erasure(audit: Audit, case: str, *, operator: str) -> str:
    """Return the act for the person of an erased request; otherwise as `act_of_destruction`.

    Raises `Fatal` where the audit has no such erasure or its chain is broken.
    """
    lines = _lines(audit, Action.SUBJECT_ERASED, "case", {case})
    if not lines:
        raise Fatal(f"{audit.file}: no erasure of request {case}")
    facts = lines[-1][0].facts
    counts = ", ".join(f"{name} {count}" for name, count in facts.items() if name.startswith("pixel."))
    return _act(
        audit,
        operator,
        _ERASED_SUBJECT.format_map(facts),
        _ERASED_CATEGORIES.format(counts=counts, **{name: facts[name] for name in ("unshipped", "quarantined")}),
        _ERASED_METHOD,
        [f"{entry.at:%Y-%m-%d %H:%M:%S}, исполнитель {entry.who}: {_basis(entry)}" for entry, _ in lines],
        lines,
    )


def _lines(audit: Audit, action: Action, name: str, wanted: Collection[str]) -> list[tuple[Entry, Head]]:
    return [line for line in audit.entries() if line[0].action == action and line[0].facts.get(name) in wanted]


def _act(
    audit: Audit,
    operator: str,
    subjects: str,
    categories: str,
    method: str,
    causes: Sequence[str],
    lines: Sequence[tuple[Entry, Head]],
) -> str:
    return _ACT.format(
        operator=_paragraph(operator or _BLANK),
        blank=_paragraph(_BLANK),
        subjects=_paragraph(subjects),
        categories=_paragraph(categories),
        system=_paragraph(f"clinic-pixel, {platform.node()}"),
        method=_paragraph(method),
        file=audit.file,
        causes="\n".join(map(_paragraph, causes)),
        extract="\n".join(_extract(entry, head) for entry, head in lines),
    )


def _paragraph(text: str) -> str:
    return fill(text, _WIDTH, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False)


def _basis(entry: Entry) -> str:
    # Acts of the first version call it "ground".
    return entry.facts.get("basis") or entry.facts["ground"]


def _key(entry: Entry) -> str:
    facts = entry.facts
    cause = "истёк срок хранения" if facts["cause"] == "retention" else facts["reason"]
    when = f"{entry.at:%Y-%m-%d %H:%M:%S}"
    return f"{facts['key']}, отпечаток {facts['fingerprint']}: {when}, исполнитель {facts['by']}, причина: {cause}"


def _extract(entry: Entry, head: Head) -> str:
    facts = ", ".join(f"{name}={value}" for name, value in entry.facts.items())
    return f"   {entry.at:%Y-%m-%dT%H:%M:%SZ} {entry.action} {entry.who}: {facts}\n   {head}"

"""The act of destruction and its log extract, as a Russian operator has to keep them for three years.

Owns the text. Source: requirements for confirming the destruction of personal data, Roskomnadzor order of 28.10.2022
No. 179: clause 3 lists what an act names, clause 5 what the extract of the event log names. What only the operator
knows (contractors, positions, signatures) is a line to fill in. The text is Russian because the reader is.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from textwrap import fill
from typing import Final

from pipeline.audit import Audit
from pipeline.chain import Entry, Head
from pipeline.destruction import KEY_DESTROYED
from pipeline.keyfiles import KeyName

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
7. Причина и дата (UTC) по каждому ключу:
{keys}
8. Лица, уничтожившие данные (ФИО, должность, подпись):
{blank}
{blank}

ВЫГРУЗКА ИЗ ЖУРНАЛА РЕГИСТРАЦИИ СОБЫТИЙ
Субъекты, категории и система: пп. 3, 4 и 5 акта. Журнал: {file}
Под каждой строкой её номер и хеш цепочки.
{extract}
"""


def act_of_destruction(audit: Audit, names: Sequence[KeyName], *, operator: str) -> str:
    """Return the act for these keys with the extract of the log, from what the audit says and nothing else.

    `operator` is the name and address to print. Raises `Fatal` where the chain of the audit is broken.
    """
    wanted = {name.text for name in names}
    lines = [
        (entry, head)
        for entry, head in audit.entries()
        if entry.action == KEY_DESTROYED and entry.facts.get("key") in wanted
    ]
    return _ACT.format(
        operator=_paragraph(operator or _BLANK),
        blank=_paragraph(_BLANK),
        subjects=_paragraph(_SUBJECTS),
        categories=_paragraph(_CATEGORIES),
        system=_paragraph(f"clinic-pixel, {platform.node()}"),
        method=_paragraph(_METHOD),
        file=audit.file,
        keys="\n".join(_paragraph(_key(entry)) for entry, _ in lines),
        extract="\n".join(_extract(entry, head) for entry, head in lines),
    )


def _paragraph(text: str) -> str:
    return fill(text, _WIDTH, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False)


def _key(entry: Entry) -> str:
    facts = entry.facts
    cause = "истёк срок хранения" if facts["cause"] == "retention" else facts["reason"]
    when = f"{entry.at:%Y-%m-%d %H:%M:%S}"
    return f"{facts['key']}, отпечаток {facts['fingerprint']}: {when}, исполнитель {facts['by']}, причина: {cause}"


def _extract(entry: Entry, head: Head) -> str:
    facts = ", ".join(f"{name}={value}" for name, value in entry.facts.items())
    return f"   {entry.at:%Y-%m-%dT%H:%M:%SZ} {entry.action} {entry.who}: {facts}\n   {head}"

"""The lines that a person needs to read the views with a tool of their own: curl, Grafana, a desk elsewhere.

Owns the texts of `connect`, in English and Russian. No text holds a password, only the command that prints it.
"""

from __future__ import annotations

import socket
from typing import Final, Literal
from urllib.parse import urlsplit

from pipeline.database.access import Reader, password_file
from pipeline.database.client import address
from pipeline.settings.model import Settings

_EXAMPLES: Final = {
    "technical": "technical.error_pages_day",
    "fraud": "fraud.robots(site='{site}', since=now() - INTERVAL 7 DAY, until=now())",
    "privacy": "privacy.retention(site='{site}', since=now() - INTERVAL 7 DAY, until=now())",
}
"""A view of each database as it is asked. Numbers of `technical` have plain views; the other reports need a period."""
_TEXTS: Final = {
    "en": {
        "head": """\
ClickHouse for the role {role}, which reads {databases}
  address   {address}
  user      {role}
  password  {password_command}
The line prints the password; it is in {password_file} under "{role}".""",
        "curl": """\
Ask with curl
  {curl}
  {curl_views}
The second line lists the views. docs/own-tools.md has recipes for Grafana, Superset, DBeaver, Metabase and Python, and says \
what each of them can do.""",
        "question": """\
The question alone, for any tool
  {question}
  SELECT * FROM {own}.reports
The second line lists the reports, each with its question, its columns and an example.{period}""",
        "period": """ \
A view with `_day` has the numbers of the last published day, with `_7d` and `_28d` those of 7 and 28 days, and without an ending \
those of any period.""",
        "grafana": """\
Grafana
  {grafana_command} > clinic-pixel.yaml
The line writes a data source for provisioning/datasources. The password is not in it.""",
        "tunnel": """\
From a desk elsewhere
  {tunnel}
The embedded ClickHouse listens on this machine only. Run the line at the desk, leave it open, and use the same address there. \
Somebody who may read the file of passwords gives you yours.""",
        "native on": """\
Native port, for clickhouse-client and clickhouse-driver
  clickhouse-client --host 127.0.0.1 --port {native_port} --user {role} --ask-password""",
        "native off": """\
Native port, for clickhouse-client and clickhouse-driver: off
  PIXEL_CLICKHOUSE__TCP_PORT=9000
To open it, start ClickHouse again with this variable, or with `tcp_port = 9000` under [clickhouse] in pixel.toml. It costs some \
safety: the port also lets in the engine's user `default`, who has no password. Such a client reads no table, but it can make \
empty files in the engine's directory (docs/clickhouse-server.md).""",
        "play": """\
The server's own page /play
It cannot work here: it changes settings that a reader may not change, and the embedded ClickHouse does not serve it.""",
    },
    "ru": {
        "head": """\
ClickHouse для роли {role}, она читает {databases}
  адрес         {address}
  пользователь  {role}
  пароль        {password_command}
Строка печатает пароль; он записан в {password_file} под именем «{role}».""",
        "curl": """\
Спросить через curl
  {curl}
  {curl_views}
Вторая строка перечисляет представления. В docs/own-tools.md есть рецепты для Grafana, Superset, DBeaver, Metabase и Python и \
сказано, что умеет каждая из этих программ.""",
        "question": """\
Сам вопрос, для любой программы
  {question}
  SELECT * FROM {own}.reports
Вторая строка перечисляет отчёты: вопрос, столбцы и пример каждого.{period}""",
        "period": """ \
В представлении с `_day` числа за последний опубликованный день, с `_7d` и `_28d` за 7 и 28 дней, а без окончания за любой период.""",
        "grafana": """\
Grafana
  {grafana_command} > clinic-pixel.yaml
Строка пишет источник данных для provisioning/datasources. Пароля в нём нет.""",
        "tunnel": """\
С другого рабочего места
  {tunnel}
Встроенный ClickHouse слушает только эту машину. Выполните строку на рабочем месте, не закрывайте её и пользуйтесь там тем же \
адресом. Пароль передаёт тот, кому разрешено читать файл с паролями.""",
        "native on": """\
Собственный порт ClickHouse, для clickhouse-client и clickhouse-driver
  clickhouse-client --host 127.0.0.1 --port {native_port} --user {role} --ask-password""",
        "native off": """\
Собственный порт ClickHouse, для clickhouse-client и clickhouse-driver: закрыт
  PIXEL_CLICKHOUSE__TCP_PORT=9000
Чтобы открыть его, перезапустите ClickHouse с этой переменной или с `tcp_port = 9000` в разделе [clickhouse] файла pixel.toml. \
Это немного снижает защиту: порт впускает и пользователя движка `default`, у которого нет пароля. Таблиц он не прочтёт, но \
может создать пустые файлы в каталоге движка (docs/clickhouse-server.md).""",
        "play": """\
Страница самого сервера /play
Здесь она не работает: она меняет настройки, которые читателю менять нельзя, и встроенный ClickHouse её не отдаёт.""",
    },
}
"""Parts of the page: a title, lines to paste, which begin with two spaces and are never wrapped, and a sentence."""

_GRAFANA: Final = """\
# A data source of Grafana: put this file into provisioning/datasources. The plugin is grafana-clickhouse-datasource.
# Grafana reads the password from a file of its own, which this line makes:
#   {password_command} | sudo install -m 640 -g grafana /dev/stdin /etc/grafana/clinic-pixel-{role}
apiVersion: 1
datasources:
  - name: clinic-pixel {role}
    type: grafana-clickhouse-datasource
    access: proxy
    jsonData:
      protocol: http
      host: "{host}"
      port: {port}
      path: "{path}"
      secure: {secure}
      username: {role}
      defaultDatabase: {database}
      queryTimeout: "60"
    secureJsonData:
      password: $__file{{/etc/grafana/clinic-pixel-{role}}}
"""


def databases(settings: Settings, role: Reader) -> tuple[str, ...]:
    """Return the databases that a role reads, its own first."""
    match role:
        case Reader.OPS:
            return ("technical",)
        case Reader.SECURITY:
            return ("fraud", "technical") if settings.fraud.enabled else ("technical",)
        case Reader.PRIVACY:
            return ("privacy",)


def facts(settings: Settings, role: Reader, program: str) -> dict[str, object]:
    """Return by name what a person or a program needs to connect; `program` starts clinic-pixel in this person's shell."""
    own, *_ = read = databases(settings, role)
    embedded = settings.clickhouse.url is None
    question = f"SELECT * FROM {_EXAMPLES[own].format(site=settings.sites[0].id)}"  # noqa: S608 - a text to paste
    command = f"{program} connect {role}"
    curl = f'curl --user "{role}:$({command} --password)" {address(settings)}/ --data-binary'
    return {
        "role": role,
        "address": address(settings),
        "user": role,
        "password_file": str(password_file(settings)),
        "password_command": f"{command} --password",
        "databases": read,
        "question": question,
        "curl": f'{curl} "{question} FORMAT CSVWithNames"',
        "curl_views": f'{curl} "SHOW TABLES FROM {own}"',
        "grafana_command": f"{command} --grafana",
        "tunnel": f"ssh -N -L {_forwarded(settings)} {socket.gethostname()}" if embedded else None,
        "native_port": (settings.clickhouse.tcp_port or None) if embedded else None,
    }


def page(settings: Settings, role: Reader, program: str, language: Literal["en", "ru"]) -> list[str]:
    """Return the parts of the page for a terminal."""
    given = facts(settings, role, program)
    names = ["head", "curl", "question", "grafana"]
    if settings.clickhouse.url is None:
        names += ["tunnel", "native on" if settings.clickhouse.tcp_port else "native off"]
    own, *_ = read = databases(settings, role)
    texts = _TEXTS[language]
    fill = given | {"databases": ", ".join(read), "own": own, "period": texts["period"] if own == "technical" else ""}
    return [texts[name].format_map(fill) for name in (*names, "play")]


def grafana(settings: Settings, role: Reader, program: str) -> str:
    """Return the provisioning file of a data source of Grafana, without the password."""
    place = urlsplit(address(settings))
    secure = place.scheme == "https"
    return _GRAFANA.format(
        role=role,
        password_command=f"{program} connect {role} --password",
        host=place.hostname,
        port=place.port or (8443 if secure else 8123),
        path=place.path,
        secure=str(secure).lower(),
        database=databases(settings, role)[0],
    )


def _forwarded(settings: Settings) -> str:
    ports = [port for port in (settings.clickhouse.port, settings.clickhouse.tcp_port) if port]
    return " -L ".join(f"{port}:127.0.0.1:{port}" for port in ports)

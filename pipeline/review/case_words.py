"""The words of the page of one case, in both languages.

Owns the texts and the headings; `case_commands` puts the facts into them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

Language = Literal["en", "ru"]

TEXTS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "title": "Case {case}: {band}",
        "facts": "{site}, {first} to {last}, {zone}. Suspects: {subjects}, hits: {hits}, touched: {touched}. Harm: {harm}. State: {state}.",
        "chance": "Drawn by chance among unclear cases: your verdict shows what the score misses.",
        "why": "Why",
        "points": "Points of the worst suspect: {score}, so {share} that it is no ordinary visitor, by the points alone",
        "check": "Innocent explanations to rule out first",
        "signals": "What was measured: of each signal the worst suspect (from: the value that counts; 99 %: of 99 in 100 clients)",
        "unknown": "What cannot be known from here",
        "blind": "A pixel sees no mouse, no contents of forms, no TLS and no order of headers, and no client that loads no image.",
        "people": "An address may belong to many people, a cookie to one browser of several people. Points are set by hand and on public logs:"
        " the percentage orders cases, it proves nothing.",
        "shipped": "Usual values are shipped ones until the site has its own; those of a `shipped value` were not measured here.",
        "suspects": "Suspects",
        "more": "and {more} more: --format json has all",
        "tokens": "Their addresses: for `clinic-pixel relink` and `reveal`, which need a legal basis and an approver",
        "verdicts": "Verdicts",
        "none": "none yet",
        "next": "Decide: clinic-pixel fraud verdict {case} DECISION --reason TEXT",
        "decisions": "DECISION: {decisions}",
        "claim": "Ask for a refund once it is confirmed: clinic-pixel fraud claim {case} --help",
        "prior": "before anything is known",
        "most": "over 99%",
    },
    "ru": {
        "title": "Дело {case}: {band}",
        "facts": "{site}, с {first} по {last}, {zone}. Подозреваемых: {subjects}, обращений: {hits}, затронуто: {touched}. Ущерб: {harm}. Состояние: {state}.",
        "chance": "Взято наугад из неясных дел: ваше решение покажет, чего не видит оценка.",
        "why": "Почему",
        "points": "Баллы худшего подозреваемого: {score}, то есть {share} за то, что это не обычный посетитель, если судить только по баллам",
        "check": "Сначала исключите невинные объяснения",
        "signals": "Что измерено: у каждого признака худший подозреваемый (с: значение, с которого он считается; 99 %: у 99 из 100 клиентов)",
        "unknown": "Чего отсюда узнать нельзя",
        "blind": "Пиксель не видит мышь, содержимое форм, TLS и порядок заголовков; не видит и клиентов, которые не загружают картинки.",
        "people": "Адрес может принадлежать многим людям, а cookie — одному браузеру, за которым сидят несколько человек. Баллы заданы людьми и"
        " проверены на открытых журналах: процент помогает упорядочить дела, но ничего не доказывает.",
        "shipped": "Обычные значения взяты из поставки, пока у сайта нет своих; помеченные «из поставки» здесь не измерены.",
        "suspects": "Подозреваемые",
        "more": "и ещё {more}: все есть в --format json",
        "tokens": "Их адреса: для `clinic-pixel relink` и `reveal`, которым нужны основание и согласующий",
        "verdicts": "Решения",
        "none": "пока нет",
        "next": "Решить: clinic-pixel fraud verdict {case} РЕШЕНИЕ --reason ТЕКСТ",
        "decisions": "РЕШЕНИЕ: {decisions}",
        "claim": "Вернуть деньги за клики, когда дело подтверждено: clinic-pixel fraud claim {case} --help",
        "prior": "пока ничего не известно",
        "most": "более 99%",
    },
}
HEADS: Final[Mapping[Language, Mapping[str, Sequence[str]]]] = {
    "en": {
        "points": ("kind", "points", "sum", ""),
        "signals": ("signal", "suspects", "value", "from", "usual", "99 %", "points", "note"),
        "suspects": ("day", "suspect", "band", "score", "hits", "client and network"),
        "tokens": ("suspect", "token", "epoch"),
        "verdicts": ("when", "decision", "band", "reason", "reviewer"),
    },
    "ru": {
        "points": ("вид", "баллы", "сумма", ""),
        "signals": ("признак", "у скольких", "значение", "с", "обычно", "99 %", "баллы", "заметка"),
        "suspects": ("день", "подозреваемый", "уровень", "баллы", "обращения", "клиент и сеть"),
        "tokens": ("подозреваемый", "токен", "эпоха"),
        "verdicts": ("когда", "решение", "уровень", "причина", "кто"),
    },
}
NOTES: Final[Mapping[Language, Sequence[str]]] = {
    "en": ("on trial", "shipped value"),
    "ru": ("на пробе", "из поставки"),
}

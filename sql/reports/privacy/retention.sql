-- How much is stored of each day, and how much of it can still be linked?
WITH
    $stored
SELECT
    toDate(received_at, 'UTC') AS day,
    count() AS events,
    countIf(ip_token != toIPv6('::')) AS linkable,
    countIf(visitor != 0 AND visitor_kind = 'cookie') AS cookie,
    countIf(visitor = 0) AS nobody,
    countIf(ua_raw != '') AS agents,
    arrayStringConcat(arraySort(groupUniqArray(100)(policy)), ' ') AS policies
FROM stored
GROUP BY day
ORDER BY day DESC

-- purpose = "privacy"
-- role = "privacy"
-- chart = "bar"
-- rank = "events"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "100d" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- day = { kind = "value", unit = "UTC day", meaning = "day on which the events were received; the whole day ends at once" }
-- events = { kind = "value", unit = "events", meaning = "stored events; one delivered twice counts once" }
-- linkable = { kind = "value", unit = "events", meaning = "of these, with an address token" }
-- cookie = { kind = "value", unit = "events", meaning = "of these, with a visitor known by cookie" }
-- nobody = { kind = "value", unit = "events", meaning = "of these, without any visitor: signal, refusal or sensitive page" }
-- agents = { kind = "value", unit = "events", meaning = "of these, with a kept user agent (robots and malformed ones only)" }
-- policies = { kind = "value", unit = "versions", meaning = "versions of the privacy policy in force" }
--
-- [en]
-- title = "What is stored"
-- answer = "Most is stored of {day}: {events} events, {linkable} of them with an address token."
-- limits = """\
-- Counts events, not people. A blocked person's rows are hidden here too. A day ends with all its rows after \
-- `retention.rows_days`; an address token is only reversible while its key exists."""
--
-- [ru]
-- title = "Что хранится"
-- question = "Что хранится за каждый день и какую часть ещё можно связать?"
-- answer = "Больше всего хранится за {day}: событий {events}, с токеном адреса {linkable}."
-- limits = """\
-- Считает события, а не людей. Строки заблокированных людей скрыты и здесь. День удаляется целиком \
-- после `retention.rows_days`; токен адреса обратим, только пока жив его ключ."""

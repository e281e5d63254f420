-- How much is stored of each month, and how much of it can still be linked?
SELECT
    formatDateTime(received_at, '%Y-%m', 'UTC') AS month,
    count() AS events,
    toDate(min(received_at), 'UTC') AS oldest,
    countIf(ip_token != toIPv6('::')) AS linkable,
    countIf(visitor != 0 AND visitor_kind = 'cookie') AS cookie,
    countIf(visitor = 0) AS nobody,
    countIf(ua_raw != '') AS agents,
    arrayStringConcat(arraySort(groupUniqArray(100)(policy)), ' ') AS policies
FROM pixel.events
WHERE $of_site_and_time
GROUP BY month
ORDER BY month DESC

-- purpose = "privacy"
-- role = "privacy"
-- chart = "bar"
-- rank = "events"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "1000d" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- month = { kind = "value", unit = "UTC month", meaning = "month in which the events were received" }
-- events = { kind = "value", unit = "events", meaning = "stored rows" }
-- oldest = { kind = "value", unit = "UTC day", meaning = "day of the oldest event" }
-- linkable = { kind = "value", unit = "events", meaning = "of these, with an address token" }
-- cookie = { kind = "value", unit = "events", meaning = "of these, with a visitor known by cookie" }
-- nobody = { kind = "value", unit = "events", meaning = "of these, without any visitor: signal, refusal, sensitive page or expired" }
-- agents = { kind = "value", unit = "events", meaning = "of these, with a kept user agent (robots and malformed ones only)" }
-- policies = { kind = "value", unit = "versions", meaning = "versions of the privacy policy in force" }
--
-- [en]
-- title = "What is stored"
-- answer = "Most is stored of {month}: {events} events, {linkable} of them with an address token."
-- limits = """\
-- Counts rows, not people. A blocked person's rows are hidden here too. Expired tokens stay until ClickHouse rewrites \
-- the part, which the worker forces once a month; an address token is only reversible while its key exists."""
--
-- [ru]
-- title = "Что хранится"
-- question = "Что хранится за каждый месяц и какую часть ещё можно связать?"
-- answer = "Больше всего хранится за {month}: событий {events}, с токеном адреса {linkable}."
-- limits = """\
-- Считает строки, а не людей. Строки заблокированных людей скрыты и здесь. Истёкшие токены остаются, пока ClickHouse \
-- не перепишет часть (раз в месяц); токен адреса обратим, только пока жив его ключ."""

-- If the rows of these days leaked: how many events and visitors, and for which days can they still be linked?
WITH
    $stored
SELECT
    toDate(received_at, 'UTC') AS day,
    count() AS events,
    uniqExactIf((if(visitor_kind = 'day', epoch, toDate(0)), visitor), visitor != 0) AS visitors,
    countIf(ip_token != toIPv6('::')) AS linkable,
    countIf(visitor = 0) AS nobody,
    countIf($is_sensitive) AS sensitive,
    countIf(ua_raw != '') AS agents,
    uniqExactIf(country, country != '') AS countries
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
-- since = { type = "DateTime64(3, 'UTC')", default = "7d" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- day = { kind = "value", unit = "UTC day", meaning = "day on which the events were received, and whose key made the tokens" }
-- events = { kind = "value", unit = "events", meaning = "stored events; one delivered twice counts once" }
-- visitors = { kind = "value", unit = "visitors", meaning = "at most: one person may count more than once" }
-- linkable = { kind = "value", unit = "events", meaning = "of these, with an address token" }
-- nobody = { kind = "value", unit = "events", meaning = "of these, without any visitor" }
-- sensitive = { kind = "value", unit = "events", meaning = "of these, on pages of a sensitive group" }
-- agents = { kind = "value", unit = "events", meaning = "of these, with a kept user agent (robots and malformed ones only)" }
-- countries = { kind = "value", unit = "countries", meaning = "number of different countries" }
--
-- [en]
-- title = "The extent of a leak"
-- answer = """\
-- Most was stored on {day}: {events} events of at most {visitors} visitors, {linkable} with an address token."""
-- limits = """\
-- A blocked person's rows are hidden here; `clinic-pixel exposure` counts them too, in every table, describes the \
-- data in plain words and says whether the day's key still exists. A first page without a cookie yet counts as a visitor \
-- of its own."""
--
-- [ru]
-- title = "Что затронула бы утечка"
-- question = "Если бы строки за эти дни утекли: сколько событий и посетителей и за какие дни их ещё можно связать?"
-- answer = """\
-- Больше всего сохранено за {day}: событий {events}, посетителей не более {visitors}, с токеном адреса {linkable}."""
-- limits = """\
-- Строки заблокированных людей здесь скрыты; `clinic-pixel exposure` считает и их, во всех таблицах, называет данные \
-- простыми словами и говорит, жив ли ключ дня. Первая страница, ещё без cookie, считается отдельным посетителем."""

-- Which pages answer visitors with a server error?
SELECT
    $person,
    page,
    status,
    1 AS hits,
    referrer_kind = 'internal' AS internal
FROM events
WHERE kind = 'pageview'
    AND status >= 500

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "visitors"
-- shape = "sparse"
-- grains = ["day", "week", "four_weeks"]
-- order = "visitors DESC, page, status"
--
-- [at_once]
-- when = "position(page, '*') = 0"
-- known = ["page"]
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "requested address, scrubbed" }
-- status = { kind = "key", type = "UInt16", unit = "HTTP status", meaning = "status of the error" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who got it; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views with this error" }
-- internal = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, reached from a link of the site; empty below 5" }
-- share = { kind = "derived", unit = "percent", meaning = "internal among hits", expression = "round(100 * internal / nullIf(hits, 0), 1)" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first hour or day with this error" }
-- probes = { kind = "probes", unit = "page views", meaning = "errors and attacks of clients that try addresses; not in the other numbers; empty below 5" }
--
-- [en]
-- title = "Server errors"
-- answer = "Most visitors got error {status} on {page}: about {visitors} visitors."
-- limits = """\
-- Needs the tag on the error templates with `e`: if the server sends no page at all, nothing is seen here, and \
-- technical/traffic_by_hour shows fewer visitors. A public page is named without a number as soon as the hour is published; any other \
-- one needs 5 visitors."""
--
-- [ru]
-- title = "Ошибки сервера"
-- question = "Какие страницы отвечают посетителям ошибкой сервера?"
-- answer = "Больше всего посетителей получили ошибку {status} на {page}: около {visitors}."
-- limits = """\
-- Нужна метка с `e` на шаблонах ошибок: если сервер не отдаёт никакой страницы, здесь ничего не видно, а в technical/traffic_by_hour \
-- посетителей меньше. Общедоступная страница названа без числа, как только опубликован час; прочие - начиная с 5 посетителей."""

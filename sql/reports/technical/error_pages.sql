-- Which pages answer visitors with errors?
SELECT
    $person,
    page,
    status,
    1 AS hits,
    referrer_kind = 'internal' AS internal
FROM events
WHERE kind = 'pageview'
    AND status >= 400

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "visitors"
-- shape = "sparse"
-- order = "visitors DESC, hits DESC, page, status"
--
-- # A fault of the server is nobody's datum: a public page that answers 5xx is named as soon as the hour is published.
-- [at_once]
-- when = "status >= 500"
-- known = ["page"]
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "requested address, scrubbed" }
-- status = { kind = "key", type = "UInt16", unit = "HTTP status", meaning = "status that the error template sent in `e`" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who got this error; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views with this error" }
-- internal = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, reached from a link on the site itself: the link can be corrected; empty below 5" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first hour or day with this error" }
-- probes = { kind = "probes", unit = "page views", meaning = "errors and attacks of clients that try addresses; not in the other numbers; empty below 5" }
-- robots = { kind = "robots", unit = "page views", meaning = "page views of declared robots; not in the other numbers" }
--
-- [en]
-- title = "Error pages"
-- answer = "Most visitors got error {status} on {page}: about {visitors} visitors, {hits} times."
-- limits = """\
-- Needs the tag on the error templates with `e`; other errors are not seen. An address that fewer than 5 visitors met is not named, \
-- unless a public page answers 5xx. Clients that try 10 addresses, or send an attack, are no visitors."""
--
-- [ru]
-- title = "Страницы с ошибками"
-- question = "Какие страницы отвечают посетителям ошибкой?"
-- answer = "Чаще всего ошибка {status} встречалась на {page}: посетителей около {visitors}, число раз: {hits}."
-- limits = """\
-- Нужна метка с `e` на шаблонах ошибок; прочие ошибки не видны. Адрес, который встретили меньше 5 посетителей, не назван, кроме \
-- общедоступной страницы с ответом 5xx. Клиенты, которые перебирают 10 адресов или шлют атаку, посетителями не считаются."""

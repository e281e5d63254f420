-- Which pages answer visitors with errors?
SELECT
    page,
    status,
    countIf(robot = '') AS hits,
    countIf(robot = '' AND referrer_kind = 'internal') AS internal,
    countIf(robot = '' AND $is_attack) AS attacks,
    countIf(robot != '') AS robots,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed
FROM events
WHERE kind = 'pageview'
    AND status >= 400
GROUP BY page, status

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "visitors"
-- order = "visitors DESC, hits DESC, page, status"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "requested address, scrubbed" }
-- status = { kind = "key", unit = "HTTP status", meaning = "status that the error template sent in `e`" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "distinct visitors with this error, declared robots left out" }
-- hits = { kind = "measure", unit = "page views", meaning = "their page views with this error" }
-- internal = { kind = "measure", unit = "page views", meaning = "of these, reached from a link on the site itself: the link can be corrected" }
-- attacks = { kind = "measure", unit = "page views", meaning = "of these, with an attack string in the address: not a fault of the site" }
-- robots = { kind = "measure", unit = "hits", meaning = "hits of declared robots; rows with robots alone are left out" }
--
-- [en]
-- title = "Error pages"
-- answer = "Most visitors got error {status} on {page}: about {visitors} visitors, {hits} times."
-- limits = """\
-- Needs the tag on the error templates with `e`; other errors are not seen. Pages with fewer than {min_visitors} \
-- people, and all pages of sensitive groups, are together in 'other'. Numbers are rounded to multiples of \
-- {min_visitors}, up or down."""
--
-- [ru]
-- title = "Страницы с ошибками"
-- question = "Какие страницы отвечают посетителям ошибкой?"
-- answer = "Чаще всего ошибка {status} встречалась на {page}: посетителей около {visitors}, раз {hits}."
-- limits = """\
-- Нужна метка с `e` на шаблонах ошибок; прочие ошибки не видны. Страницы, которые встретили меньше {min_visitors} \
-- человек, и все страницы чувствительных групп сложены в 'other'. Числа округлены до кратных {min_visitors} вверх или \
-- вниз."""

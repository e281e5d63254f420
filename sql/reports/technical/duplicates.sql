-- Which pages report one view twice?
SELECT
    $person,
    page,
    1 AS hits,
    -- One visitor counts 4 page views at most (pipeline/publish/cells.py): so do the repeats, or their share would be too high.
    at < before + 1000 * {seconds:UInt32} AND place <= 4 AS again
FROM
(
    SELECT *, $at_ms AS at, lagInFrame(at) OVER its_views AS before, row_number() OVER its_views AS place
    FROM events
    WHERE kind = 'pageview'
        AND is_one_person
    WINDOW its_views AS (
        PARTITION BY $one_person, page, referrer_host, referrer_page
        ORDER BY received_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "again"
-- shape = "sparse"
-- # Four weeks would be sorted by person: at ten million page views that takes a minute.
-- grains = ["day", "week"]
-- order = "again DESC, visitors DESC, page"
-- only = "again_share >= {percent:UInt8}"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "address of the page, scrubbed" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors of the page; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views, at most 4 of each visitor" }
-- again = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, at once after another one of the same visitor, page and referrer; empty below 5" }
-- again_share = { kind = "derived", unit = "percent", meaning = "again among hits: near 50 the tag is on the page twice, and a healthy page has none", expression = "round(100 * again / nullIf(hits, 0), 1)" }
--
-- [thresholds]
-- percent = { default = 1, meaning = "percent of the page views of a page that are repeats" }
-- seconds = { default = 2, meaning = "seconds after a page view in which the same one counts as a repeat" }
--
-- [en]
-- title = "Duplicate page views"
-- answer = "On {page}, {again} of {hits} page views came at once after the same one: look whether the tag is on the page twice."
-- limits = """\
-- A page is listed from {percent} % of repeats on. A repeat is a page view of the same visitor, page and referrer within {seconds} \
-- seconds, such as a second tag or an impatient reload. One event that was delivered twice (the same nonce) counts once in every \
-- report and is not here. Page views without a visitor (a privacy signal, a sensitive group) are not in it."""
--
-- [ru]
-- title = "Повторные просмотры"
-- question = "Какие страницы сообщают об одном просмотре дважды?"
-- answer = "На {page} сразу после такого же просмотра пришли: {again} из {hits}. Проверьте, не стоит ли метка на странице дважды."
-- limits = """\
-- Страница названа, если повторов не меньше {percent} %. Повтор - это просмотр того же посетителя, той же страницы и с тем же \
-- источником за {seconds} с, например вторая метка или нетерпеливая перезагрузка. Событие, доставленное дважды (с тем же `nonce`), во \
-- всех отчётах считается один раз, и здесь его нет. Просмотры без посетителя (сигнал приватности, чувствительная группа) не учтены."""

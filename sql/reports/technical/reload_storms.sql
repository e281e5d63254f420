-- Which pages do visitors load again and again within a minute?
SELECT
    $person,
    page,
    1 AS reloads,
    status >= 400 AS errors
FROM
(
    SELECT *, $at_ms AS at, lagInFrame(at, {views:UInt8} - 1) OVER its_views AS began
    FROM events
    WHERE kind = 'pageview'
        AND is_one_person
    WINDOW its_views AS (
        PARTITION BY $one_person, page ORDER BY received_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)
WHERE at < began + 1000 * {seconds:UInt32}

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "visitors"
-- shape = "sparse"
-- # Four weeks would be sorted by person: at ten million page views that takes a minute.
-- grains = ["day", "week"]
-- order = "visitors DESC, reloads DESC, page"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "address of the page, scrubbed" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who loaded it so often in a short time; of several days: visitors of each day, added" }
-- reloads = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "page views that completed such a series or went on with it, at most 4 of each visitor" }
-- errors = { kind = "measure", part_of = "reloads", unit = "page views", meaning = "of these, error templates (status 400 and above); empty below 5" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first day on which visitors did this" }
--
-- [thresholds]
-- views = { default = 5, meaning = "page views of one visitor on one page" }
-- seconds = { default = 60, meaning = "seconds within which these page views fall" }
--
-- [en]
-- title = "Reload storms"
-- answer = "Most visitors load {page} again and again: about {visitors} visitors. Either the page reloads itself, or it does not do its work."
-- limits = """\
-- A series is {views} page views of one page by one visitor within {seconds} seconds. A page that shows a queue or a status reloads on \
-- purpose. A page with the tag on it several times looks the same: compare technical/duplicates. Fewer than 5 visitors are not named, \
-- so a storm of one person is not here. Page views without a visitor (a privacy signal, a sensitive group) are not in it."""
--
-- [ru]
-- title = "Частые перезагрузки"
-- question = "Какие страницы посетители загружают снова и снова в течение минуты?"
-- answer = "Больше всего посетителей снова и снова загружают {page}: около {visitors}. Страница либо перезагружается сама, либо не работает."
-- limits = """\
-- Серия - это {views} просмотров одной страницы одним посетителем за {seconds} секунд. Страница с очередью или статусом обновляется \
-- нарочно. Так же выглядит страница, на которой метка стоит несколько раз: сравните с technical/duplicates. Меньше 5 посетителей не \
-- показаны, поэтому перезагрузок одного человека здесь нет. Просмотры без посетителя (сигнал приватности, чувствительная группа) не \
-- учтены."""

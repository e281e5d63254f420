-- Between which pages are visitors sent back and forth?
SELECT
    $person,
    least(page, page_before) AS page_a,
    greatest(page, page_before) AS page_b,
    1 AS turns,
    person_day != toDate(0) AS without_cookie
FROM
(
    SELECT *, $at_ms AS at, lagInFrame(at, {changes:UInt8} - 1) OVER its_changes AS began
    FROM
    (
        SELECT *, lagInFrame(toString(page)) OVER its_views AS page_before
        FROM events
        WHERE kind = 'pageview'
            AND is_one_person
        WINDOW its_views AS (
            PARTITION BY $one_person ORDER BY received_at, page ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE page_before != ''
        -- The same page twice is a loop only if the page itself led there; a reload keeps the earlier referrer.
        AND (page_before != page OR referrer_page = page)
    WINDOW its_changes AS (
        PARTITION BY $one_person, least(page, page_before), greatest(page, page_before)
        ORDER BY received_at, page ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
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
-- order = "visitors DESC, turns DESC, page_a, page_b"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page_a = { kind = "key", unit = "path", meaning = "one page of the loop, scrubbed" }
-- page_b = { kind = "key", unit = "path", meaning = "the other page; the same one where a page leads to itself" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors in the loop; of several days: visitors of each day, added" }
-- turns = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "page views that completed a loop or went on with it, at most 4 of each visitor" }
-- without_cookie = { kind = "measure", part_of = "turns", unit = "page views", meaning = "of these, of visitors whose browser does not keep our cookie: it may not keep that of the login either; empty below 5" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first day on which visitors were in the loop" }
--
-- [thresholds]
-- changes = { default = 4, meaning = "changes between the two pages by one visitor" }
-- seconds = { default = 30, meaning = "seconds within which these changes fall" }
--
-- [en]
-- title = "Loops"
-- answer = "Most visitors are sent back and forth between {page_a} and {page_b}: about {visitors} visitors."
-- limits = """\
-- A loop is {changes} changes between two pages by one visitor within {seconds} seconds; a loop of three pages shows as its pairs. A \
-- loop of redirects by the server loads no page and is not seen. Fewer than 5 visitors are not named. Page views without a visitor (a \
-- privacy signal, a sensitive group) are not in it."""
--
-- [ru]
-- title = "Зацикленные переходы"
-- question = "Между какими страницами посетителей бросает туда и обратно?"
-- answer = "Больше всего посетителей бросает туда и обратно между {page_a} и {page_b}: около {visitors}."
-- limits = """\
-- Цикл - это {changes} перехода между двумя страницами одного посетителя за {seconds} секунд; цикл из трёх страниц виден как его пары. \
-- Цикл перенаправлений на сервере не загружает страниц и не виден. Меньше 5 посетителей не показаны. Просмотры без посетителя (сигнал \
-- приватности, чувствительная группа) не учтены."""

-- Which numbers are published?
SELECT site, report, grain, start, end, key1, key2, key3, key4, named.1 AS measure, named.2 AS number, corrected, published_at
FROM
(
    SELECT
        cells.site AS site, cells.report AS report, toString(cells.grain) AS grain, cells.start AS start, cells.end AS end,
        mapValues(keys)[1] AS key1, mapValues(keys)[2] AS key2, mapValues(keys)[3] AS key3, mapValues(keys)[4] AS key4,
        arrayJoin(arrayConcat(
            [('visitors', visitors)],
            arrayMap((name, value) -> (toString(name), toNullable(value)), mapKeys(numbers), mapValues(numbers))
        )) AS named,
        toUInt8(newest.2) AS corrected, toDateTime(newest.3, 'UTC') AS published_at
    FROM pixel.cells AS cells
    INNER JOIN
    (
        SELECT argMin((id, revision, published_at), (-revision, published_at, id)) AS newest
        FROM pixel.publications
        GROUP BY site, report, grain, start, end
    ) AS publications ON cells.publication = newest.1
)
ORDER BY start DESC, site, report, grain, key1, key2, key3, key4, measure

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "number"
--
-- [parameters]
--
-- [columns]
-- site = { kind = "value", type = "LowCardinality(String)", unit = "name", meaning = "site of the settings" }
-- report = { kind = "value", type = "LowCardinality(String)", unit = "name", meaning = "report whose number this is" }
-- grain = { kind = "value", type = "String", unit = "word", meaning = "hour, day, week or four_weeks" }
-- start = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "begin of the span" }
-- end = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "end of the span, not in it" }
-- key1 = { kind = "value", type = "String", unit = "text", meaning = "first key of the report, such as the page; empty where it has none" }
-- key2 = { kind = "value", type = "String", unit = "text", meaning = "second key" }
-- key3 = { kind = "value", type = "String", unit = "text", meaning = "third key" }
-- key4 = { kind = "value", type = "String", unit = "text", meaning = "fourth key" }
-- measure = { kind = "value", type = "String", unit = "name", meaning = "column of the report whose number this is; `visitors` are page loads in a report of measurements" }
-- number = { kind = "value", type = "Nullable(UInt64)", unit = "numbers", meaning = "the published number; empty for a small row" }
-- corrected = { kind = "value", type = "UInt8", unit = "0 or 1", meaning = "1 where late events changed the span by more than 5 %, and it was published again" }
-- published_at = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "time of publication" }
--
-- [en]
-- title = "Published cells"
-- answer = "The largest published number is of {report} on {site}: {number} ({measure})."
-- limits = "All published numbers of visitors and page loads in one table, for tools that make their own sums; `grain` must be chosen, or spans count twice."
--
-- [ru]
-- title = "Опубликованные числа"
-- question = "Какие числа опубликованы?"
-- answer = "Наибольшее опубликованное число - в отчёте {report} сайта {site}: {number} ({measure})."
-- limits = "Все опубликованные числа о посетителях и загрузках страниц в одной таблице; выбирайте `grain`, иначе промежутки считаются дважды."

-- Of which days and hours are numbers published?
SELECT
    site, report, toString(grain) AS grain, start, end,
    toUInt8(max(revision)) AS corrected,
    toUInt8(argMin(has_dropped, (-revision, published_at, id))) AS has_small_cells,
    toDateTime(argMin(published_at, (-revision, published_at, id)), 'UTC') AS published
FROM pixel.publications
GROUP BY site, report, grain, start, end
ORDER BY end DESC, start, site, report

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "start"
--
-- [parameters]
--
-- [columns]
-- site = { kind = "value", type = "LowCardinality(String)", unit = "name", meaning = "site of the settings" }
-- report = { kind = "value", type = "LowCardinality(String)", unit = "name", meaning = "report whose numbers are published" }
-- grain = { kind = "value", type = "String", unit = "word", meaning = "hour, day, week or four_weeks" }
-- start = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "begin of the span" }
-- end = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "end of the span, not in it" }
-- corrected = { kind = "value", type = "UInt8", unit = "0 or 1", meaning = "1 where late events changed the span by more than 5 %, and it was published again" }
-- has_small_cells = { kind = "value", type = "UInt8", unit = "0 or 1", meaning = "1 where cells of too few visitors were left out" }
-- published = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "time of publication" }
--
-- [en]
-- title = "Published spans"
-- answer = "The newest published span is of {report} on {site}: {start} to {end}."
-- limits = "A span is published once, when everything that was received in it is stored, and again at most once."
--
-- [ru]
-- title = "Опубликованные промежутки"
-- question = "За какие дни и часы опубликованы числа?"
-- answer = "Последний опубликованный промежуток - в отчёте {report} сайта {site}: с {start} по {end}."
-- limits = "Промежуток публикуется один раз, когда всё принятое за него сохранено, и ещё раз не больше одного раза."

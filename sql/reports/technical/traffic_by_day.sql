-- How many visitors came on each day?
SELECT
    $person,
    kind = 'pageview' AS hits,
    kind = 'impression' AS impressions,
    kind = 'pageview' AND status >= 400 AS errors
FROM events

-- purpose = "technical"
-- role = "ops"
-- chart = "line"
-- rank = "visitors"
-- shape = "partition"
-- grains = ["day"]
-- order = "day"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- day = { kind = "start", unit = "time of the site", meaning = "begin of the day" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors of the day; empty for fewer than 5" }
-- hits = { kind = "measure", unit = "page views", meaning = "their page views" }
-- impressions = { kind = "measure", unit = "impressions", meaning = "ad blocks shown to them" }
-- errors = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of the page views, error templates (status 400 and above); empty below 5" }
-- robots = { kind = "robots", unit = "page views", meaning = "page views of declared robots; not in the other numbers" }
-- probes = { kind = "probes", unit = "page views", meaning = "errors and attacks of clients that try addresses; not in the other numbers; empty below 5" }
-- staff = { kind = "staff", unit = "page views", meaning = "page views from the clinic's own networks; not in the other numbers; empty below 5" }
--
-- [en]
-- title = "Traffic by day"
-- answer = "The busiest day was {day} with about {visitors} visitors and {hits} page views."
-- limits = """\
-- A day with fewer than 5 visitors has no numbers. Clients that load no images are not seen."""
--
-- [ru]
-- title = "Посещаемость по дням"
-- question = "Сколько посетителей было в каждый день?"
-- answer = "Самый загруженный день: {day}, посетителей около {visitors}, просмотров {hits}."
-- limits = """\
-- День, в который было меньше 5 посетителей, показан без чисел. Клиенты без загрузки картинок не видны."""

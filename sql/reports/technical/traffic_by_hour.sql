-- How many visitors came in each hour, and did the traffic stop?
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
-- grains = ["hour"]
-- order = "hour"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- hour = { kind = "start", unit = "time of the site", meaning = "begin of the hour" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors of the hour; empty for fewer than 5" }
-- hits = { kind = "measure", unit = "page views", meaning = "their page views" }
-- impressions = { kind = "measure", unit = "impressions", meaning = "ad blocks shown to them" }
-- errors = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of the page views, error templates (status 400 and above); empty below 5" }
-- robots = { kind = "robots", unit = "page views", meaning = "page views of declared robots; not in the other numbers" }
-- probes = { kind = "probes", unit = "page views", meaning = "errors and attacks of clients that try addresses; not in the other numbers; empty below 5" }
-- staff = { kind = "staff", unit = "page views", meaning = "page views from the clinic's own networks; not in the other numbers; empty below 5" }
--
-- [en]
-- title = "Traffic by hour"
-- answer = "The busiest hour was {hour} with about {visitors} visitors and {hits} page views."
-- limits = """\
-- An hour with fewer than 5 visitors, or with none, has no numbers: `technical/now` tells whether hits arrive at all. Clients \
-- that load no images are not seen."""
--
-- [ru]
-- title = "Посещаемость по часам"
-- question = "Сколько посетителей было в каждый час и не оборвался ли поток?"
-- answer = "Самый загруженный час: {hour}, посетителей около {visitors}, просмотров {hits}."
-- limits = """\
-- Час, в который было меньше 5 посетителей или никого, показан без чисел: приходят ли обращения вообще, видно в `technical/now`. \
-- Клиенты без загрузки картинок не видны."""

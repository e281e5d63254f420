-- How many visitors came in each hour, and did the traffic stop?
SELECT
    -- The moment in UTC: in autumn two hours of the site have one name.
    toDateTime(toStartOfHour(toDateTime(received_at, $zone)), 'UTC') AS hour,
    countIf(robot = '' AND kind = 'pageview') AS hits,
    countIf(robot = '' AND kind = 'impression') AS impressions,
    countIf(robot = '' AND kind = 'pageview' AND status >= 400) AS errors,
    countIf(robot != '') AS robots,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed
FROM events
GROUP BY hour

-- purpose = "technical"
-- role = "ops"
-- chart = "line"
-- rank = "visitors"
-- order = "hour"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- hour = { kind = "key", type = "DateTime('UTC')", unit = "time of the site", meaning = "start of the hour; missing in the folded row" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "distinct visitors, declared robots left out" }
-- hits = { kind = "measure", unit = "page views", meaning = "page views of visitors" }
-- impressions = { kind = "measure", unit = "impressions", meaning = "ad blocks shown to visitors" }
-- errors = { kind = "measure", unit = "page views", meaning = "page views of error templates (status 400 and above)" }
-- robots = { kind = "measure", unit = "hits", meaning = "hits of declared robots; rows with robots alone are left out" }
--
-- [en]
-- title = "Traffic by hour"
-- answer = "The busiest hour was {hour} with about {visitors} visitors and {hits} page views."
-- limits = """\
-- Hours with fewer than {min_visitors} people are together in 'other'; a missing hour is either in this row or had \
-- no visitors. Numbers are rounded to multiples of {min_visitors}, up or down. Clients that load no images are not \
-- seen."""
--
-- [ru]
-- title = "Посещаемость по часам"
-- question = "Сколько посетителей было в каждый час и не оборвался ли поток?"
-- answer = "Самый загруженный час: {hour}, посетителей около {visitors}, просмотров {hits}."
-- limits = """\
-- Часы, в которые было меньше {min_visitors} человек, сложены в строку 'other'; пропущенный час либо там, либо пуст. \
-- Числа округлены до кратных {min_visitors} вверх или вниз. Клиенты без загрузки картинок не видны."""

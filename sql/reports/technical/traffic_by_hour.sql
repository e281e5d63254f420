-- title.en: Traffic by hour
-- title.ru: Посещаемость по часам
-- question.en: How many visitors came in each hour, and did anything stop?
-- question.ru: Сколько посетителей было в каждый час и не оборвался ли поток?
-- answer.en: The busiest hour was {hour} UTC with about {visitors} visitors and {hits} page views.
-- answer.ru: Самый загруженный час: {hour} UTC, посетителей около {visitors}, просмотров {hits}.
-- purpose: technical
-- role: ops
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.hour: key, UTC; start of the hour
-- column.visitors: visitors, visitors; distinct visitors, declared robots left out
-- column.hits: measure, page views; page views of visitors
-- column.impressions: measure, impressions; ad blocks shown to visitors
-- column.errors: measure, page views; page views of error templates (status 400 and above)
-- column.robots: measure, hits; hits of declared robots; rows with robots alone are left out
-- chart: line
-- order: hour
-- rank: visitors
-- threshold: min_visitors
-- limits.en: Hours with fewer than {min_visitors} people are together in 'other'; an hour that is missing is either there or had
--   no visitors. Numbers are rounded to multiples of {min_visitors}, up or down. Clients that load no images are not seen.
-- limits.ru: Часы, в которые было меньше {min_visitors} человек, сложены в строку 'other'; пропущенный час либо там, либо пуст.
--   Числа округлены до кратных {min_visitors} вверх или вниз. Клиенты без загрузки картинок не видны.
SELECT
    formatDateTime(received_at, '%Y-%m-%d %H:00', 'UTC') AS hour,
    countIf(robot = '' AND kind = 'pageview') AS hits,
    countIf(robot = '' AND kind = 'impression') AS impressions,
    countIf(robot = '' AND kind = 'pageview' AND status >= 400) AS errors,
    countIf(robot != '') AS robots,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed,
    0 AS sensitive
FROM events
GROUP BY hour

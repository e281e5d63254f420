-- title.en: Error pages
-- title.ru: Страницы с ошибками
-- question.en: Which pages answer visitors with errors?
-- question.ru: Какие страницы отвечают посетителям ошибкой?
-- answer.en: Most visitors met error {status} on {page}: about {visitors} visitors, {hits} times.
-- answer.ru: Чаще всего ошибка {status} встречалась на {page}: посетителей около {visitors}, раз {hits}.
-- purpose: technical
-- role: ops
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.page: key, path; the address that was asked for, scrubbed
-- column.status: key, HTTP status; what the error template said in `e`
-- column.visitors: visitors, visitors; distinct visitors who met it, declared robots left out
-- column.hits: measure, page views; how often they met it
-- column.internal: measure, page views; of these, reached from a link on the site itself: the link can be mended
-- column.attacks: measure, page views; of these, with an attack string in the address: not a fault of the site
-- column.robots: measure, hits; hits of declared robots; rows with robots alone are left out
-- chart: bar
-- order: visitors DESC, hits DESC, page, status
-- rank: visitors
-- threshold: min_visitors, min_visitors_sensitive
-- limits.en: Needs the tag on the error templates with `e`; other errors are not seen. Pages that fewer than {min_visitors} people
--   met ({min_visitors_sensitive} in sensitive groups) are together in 'other'. Numbers are rounded to multiples of that, up or down.
-- limits.ru: Нужна метка с `e` на шаблонах ошибок; прочие ошибки не видны. Страницы, которые встретили меньше {min_visitors} человек
--   ({min_visitors_sensitive} в чувствительных группах), сложены в 'other'. Числа округлены до кратных вверх или вниз.
SELECT
    page,
    status,
    countIf(robot = '') AS hits,
    countIf(robot = '' AND referrer_kind = 'internal') AS internal,
    countIf(robot = '' AND bitAnd(page_flags, 64) != 0) AS attacks,
    countIf(robot != '') AS robots,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed,
    max(bitAnd(scrubbed, 256) != 0 OR position(page, '/~') > 0) AS sensitive
FROM events
WHERE kind = 'pageview'
    AND status >= 400
GROUP BY page, status

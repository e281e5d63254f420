-- title.en: Browsers
-- title.ru: Браузеры
-- question.en: Which browsers do visitors use, and does one of them fare worse?
-- question.ru: Какими браузерами пользуются посетители и не хуже ли приходится одному из них?
-- answer.en: Most visitors use {browser} {major}: about {visitors} visitors, {errors} of {hits} page views were errors.
-- answer.ru: Больше всего посетителей у {browser} {major}: около {visitors}, ошибок {errors} на {hits} просмотров.
-- purpose: technical
-- role: ops
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.browser: key, name; browser family
-- column.major: key, version; its major version
-- column.visitors: visitors, visitors; distinct visitors, declared robots left out
-- column.hits: measure, page views; their page views
-- column.errors: measure, page views; of these, error templates (status 400 and above)
-- column.noscript: measure, page views; of these, counted without the script: many mean that the script tag is broken there
-- chart: bar
-- order: visitors DESC, hits DESC, browser, major
-- rank: visitors
-- threshold: min_visitors
-- limits.en: Families as the user agent tells them; a robot that claims to be a browser counts as one. Versions with fewer than
--   {min_visitors} people are together in 'other'. Numbers are rounded to multiples of {min_visitors}, up or down.
-- limits.ru: Семейства со слов самого браузера; робот, назвавшийся браузером, считается браузером. Версии, у которых меньше
--   {min_visitors} человек, сложены в 'other'. Числа округлены до кратных {min_visitors} вверх или вниз.
SELECT
    if(browser IN ('', 'Other', 'other'), 'unknown', browser) AS browser,
    if(browser_major = 0, '', toString(browser_major)) AS major,
    count() AS hits,
    countIf(status >= 400) AS errors,
    countIf(mode IN ('noscript', 'img')) AS noscript,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed,
    0 AS sensitive
FROM events
WHERE kind = 'pageview'
    AND robot = ''
GROUP BY browser, major

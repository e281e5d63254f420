-- Which browsers do visitors use, and does the site work worse in one of them?
SELECT
    if(browser IN ('', 'Other', 'other'), 'unknown', browser) AS browser,
    if(browser_major = 0, '', toString(browser_major)) AS major,
    count() AS hits,
    countIf(status >= 400) AS errors,
    countIf(mode IN ('noscript', 'img')) AS noscript,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed
FROM events
WHERE kind = 'pageview'
    AND robot = ''
GROUP BY browser, major

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "visitors"
-- order = "visitors DESC, hits DESC, browser, major"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- browser = { kind = "key", unit = "name", meaning = "browser family" }
-- major = { kind = "key", unit = "version", meaning = "its major version" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "distinct visitors, declared robots left out" }
-- hits = { kind = "measure", unit = "page views", meaning = "their page views" }
-- errors = { kind = "measure", unit = "page views", meaning = "of these, error templates (status 400 and above)" }
-- error_share = { kind = "derived", unit = "percent", meaning = "errors among the page views, of the numbers as published", expression = "round(100 * errors / nullIf(hits, 0), 1)" }
-- noscript = { kind = "measure", unit = "page views", meaning = "of these, counted without the script: a large number means that the script tag is broken in this browser" }
--
-- [en]
-- title = "Browsers"
-- answer = "Most visitors use {browser} {major}: about {visitors} visitors, {errors} of {hits} page views were errors."
-- limits = """\
-- Families come from the user agent; a robot that claims to be a browser counts as a browser. Versions with fewer than \
-- {min_visitors} people are together in 'other'. Numbers are rounded to multiples of {min_visitors}, up or down."""
--
-- [ru]
-- title = "Браузеры"
-- question = "Какими браузерами пользуются посетители и не хуже ли сайт работает в одном из них?"
-- answer = "Больше всего посетителей у {browser} {major}: около {visitors}, ошибок {errors} на {hits} просмотров."
-- limits = """\
-- Семейства со слов самого браузера; робот, назвавшийся браузером, считается браузером. Версии, у которых меньше \
-- {min_visitors} человек, сложены в 'other'. Числа округлены до кратных {min_visitors} вверх или вниз."""

-- Which browsers do visitors use, and does the site work worse in one of them?
SELECT
    $person,
    if(browser IN ('', 'Other', 'other'), 'unknown', browser) AS browser,
    if(browser_major = 0, '', toString(browser_major)) AS major,
    1 AS hits,
    status >= 400 AS errors,
    mode IN ('noscript', 'img') AS noscript
FROM events
WHERE kind = 'pageview'

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "visitors"
-- shape = "partition"
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
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors with this browser; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views" }
-- errors = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, error templates (status 400 and above); empty below 5" }
-- error_share = { kind = "derived", unit = "percent", meaning = "errors among the page views, of the numbers as published", expression = "round(100 * errors / nullIf(hits, 0), 1)" }
-- noscript = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, counted without the script: a large number means that the script tag is broken in this browser; empty below 5" }
--
-- [en]
-- title = "Browsers"
-- answer = "Most visitors use {browser} {major}: about {visitors} visitors, {errors} of {hits} page views were errors."
-- limits = """\
-- Families come from the user agent; a robot that claims to be a browser counts as a browser. A version of at least 3 \
-- visitors, but fewer than 5 after noise, is named without numbers; one of fewer is not named."""
--
-- [ru]
-- title = "Браузеры"
-- question = "Какими браузерами пользуются посетители и не хуже ли сайт работает в одном из них?"
-- answer = "Больше всего посетителей у {browser} {major}: около {visitors}, ошибок {errors} на {hits} просмотров."
-- limits = """\
-- Семейства со слов самого браузера; робот, назвавшийся браузером, считается браузером. Версия, у которой не меньше 3 \
-- посетителей, но с шумом меньше 5, названа без чисел; с меньшим числом не названа."""

-- Which pages are opened under several addresses: without https, with www, in other spellings?
SELECT
    $person,
    page_host AS host,
    page,
    1 AS hits,
    page_scheme = 'http' AS http,
    -- The bits are those of `PageFlag` in pipeline/event.py.
    bitAnd(page_flags, 16) != 0 AS www,
    bitAnd(page_flags, 4) != 0 AS slash,
    -- Capitals, a double slash, needless escapes, the name of an index file.
    bitAnd(page_flags, 1 + 2 + 8 + 32) != 0 AS misspelled
FROM events
WHERE kind = 'pageview'
    AND status < 400

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "mixed"
-- shape = "sparse"
-- order = "mixed DESC, visitors DESC, page, host"
-- # A page without a path is on a foreign host.
-- only = "mixed >= {percent:Float64} OR http > 0 OR page = ''"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "address of the page, scrubbed; empty on a host that is not the site's own" }
-- host = { kind = "key", unit = "host", meaning = "host that showed the page, without its `www.` where the settings have none; another one is a copy or a translation" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors of the page on this host; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views, at most 4 of each visitor" }
-- http = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, opened without https; empty below 5" }
-- www = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, with `www.`; empty below 5" }
-- slash = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, with a slash at the end; empty below 5" }
-- misspelled = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, with capitals, a double slash, needless escapes, or the name of an index file; empty below 5" }
-- mixed = { kind = "derived", unit = "percent", meaning = "page views in the rarer form, of the most mixed of the four: 0 if all visitors use one address", expression = "round(50 - 100 * least(abs(ifNull(http, 0) / nullIf(hits, 0) - 0.5), abs(ifNull(www, 0) / nullIf(hits, 0) - 0.5), abs(ifNull(slash, 0) / nullIf(hits, 0) - 0.5), abs(ifNull(misspelled, 0) / nullIf(hits, 0) - 0.5)), 1)" }
--
-- [thresholds]
-- percent = { default = 0.5, meaning = "percent of the page views in the rarer form" }
--
-- [en]
-- title = "Addresses"
-- answer = "{page} on {host} is the most mixed: {mixed} % of its page views came under a rarer form of the address (of {hits} page views: without https {http}, with www {www}, with a slash at the end {slash}, misspelled {misspelled})."
-- limits = """\
-- A page is listed if at least {percent} % of its page views have a rarer form, or if it is opened without https or on a foreign host. \
-- One page under several addresses counts as several pages in search engines; a page without https shows a warning. Redirect to one \
-- form. Parameters of the address are not compared. A form that fewer than 5 page views have is empty, and two hosts of one page are \
-- two rows. A host that is not the site's own is named from 5 visitors on."""
--
-- [ru]
-- title = "Адреса"
-- question = "Какие страницы открывают под несколькими адресами: без https, с www, в другом написании?"
-- answer = "Больше всего разнобоя у {page} на {host}: {mixed} % просмотров пришли под более редким видом адреса (всего просмотров {hits}: без https {http}, с www {www}, с косой чертой в конце {slash}, с ошибкой в написании {misspelled})."
-- limits = """\
-- Названа страница, у которой более редкий вид адреса имеют не меньше {percent} % просмотров, которую открывают без https или на чужом \
-- хосте. Одна страница под несколькими адресами - для поисковиков несколько страниц, а без https браузер предупреждает. \
-- Перенаправляйте на один вид. Параметры адреса не сравниваются. Вид, у которого меньше 5 просмотров, пуст, а два хоста одной страницы \
-- - это две строки. Чужой хост назван начиная с 5 посетителей."""

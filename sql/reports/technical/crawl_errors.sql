-- Which errors do verified search and AI crawlers meet?
SELECT
    $person,
    robot,
    page,
    status,
    1 AS hits
FROM events
WHERE kind = 'pageview'
    AND status >= 400
    AND robot != ''
    AND net_class = 'crawler'

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "hits"
-- shape = "exact"
-- order = "hits DESC, robot, page, status"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- robot = { kind = "key", unit = "name", meaning = "declared robot whose address is in the range that its operator publishes" }
-- page = { kind = "key", unit = "path", meaning = "requested address, scrubbed" }
-- status = { kind = "key", type = "UInt16", unit = "HTTP status", meaning = "status that the error template sent in `e`" }
-- hits = { kind = "robots", unit = "page views", meaning = "its page views with this error, exact" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first day with this error" }
--
-- [en]
-- title = "Errors of crawlers"
-- answer = "{robot} met error {status} on {page} {hits} times."
-- limits = """\
-- Exact, because nobody is in it: only robots that prove their name and load the pixel, never robots that open links which people \
-- shared. Needs the crawlers' address ranges (`clinic-pixel lists fetch`)."""
--
-- [ru]
-- title = "Ошибки поисковых роботов"
-- question = "Какие ошибки встречают подтверждённые поисковые и ИИ-роботы?"
-- answer = "{robot} получил ошибку {status} на {page}, число раз: {hits}."
-- limits = """\
-- Числа точные, людей в них нет: только роботы, которые доказали своё имя и загрузили пиксель, кроме роботов, которые открывают \
-- присланные людьми ссылки. Нужны диапазоны адресов роботов (`clinic-pixel lists fetch`)."""

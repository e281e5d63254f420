-- Which pages do visitors read?
SELECT
    $person,
    page,
    1 AS hits
FROM events
WHERE kind = 'pageview'
    AND status < 400

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "visitors"
-- shape = "sparse"
-- order = "visitors DESC, hits DESC, page"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "address of the page, scrubbed; a sensitive group has the name of the group" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors of the page; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first published day of the period on which visitors read the page; of a page that no day names, of its first week or four weeks" }
-- staff = { kind = "staff", unit = "page views", meaning = "page views from the clinic's own networks; not in the other numbers; empty below 5" }
-- robots = { kind = "robots", unit = "page views", meaning = "page views of declared robots; not in the other numbers" }
--
-- [en]
-- title = "Pages"
-- answer = "Most visitors read {page}: about {visitors} visitors, {hits} page views."
-- limits = """\
-- A page of fewer than 5 visitors is not named, a sensitive group of fewer than 20. Pages are scrubbed: `*` is a part of the address \
-- that is not known to be public. A page whose first day is after the begin of the period is new, or too few visitors read it before."""
--
-- [ru]
-- title = "Страницы"
-- question = "Какие страницы читают посетители?"
-- answer = "Больше всего посетителей у {page}: около {visitors}, просмотров {hits}."
-- limits = """\
-- Страница, у которой меньше 5 посетителей, не названа, чувствительная группа - меньше 20. Адреса очищены: `*` стоит на месте части \
-- адреса, про которую не известно, что она общедоступна. Если первый день страницы позже начала периода, страница новая или раньше её \
-- читали слишком мало посетителей."""

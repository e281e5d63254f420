-- Which links of the site lead visitors to an error?
SELECT
    $person,
    referrer_page AS source,
    page AS target,
    status,
    1 AS hits
FROM events
WHERE kind = 'pageview'
    AND status >= 400
    AND referrer_kind = 'internal'
    AND referrer_page != ''

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "visitors"
-- shape = "sparse"
-- order = "visitors DESC, hits DESC, source, target, status"
--
-- # The link is in public HTML. Two networks: one client alone could make it up.
-- [at_once]
-- when = "position(target, '*') = 0"
-- known = ["source"]
-- people = 2
-- networks = 2
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- source = { kind = "key", unit = "path", meaning = "page with the link" }
-- target = { kind = "key", unit = "path", meaning = "address to which the link leads, scrubbed" }
-- status = { kind = "key", type = "UInt16", unit = "HTTP status", meaning = "status that the error template sent in `e`" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who followed the link; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views with this error" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first hour or day in which the link was followed" }
--
-- [en]
-- title = "Broken links"
-- answer = "On {source}, a link leads to {target} (error {status}): about {visitors} visitors followed it."
-- limits = """\
-- Needs the tag on the error templates with `e`, and browsers that send the referrer. A link that fewer than 5 visitors followed is \
-- named without a number once 2 visitors of 2 networks followed it from a public page."""
--
-- [ru]
-- title = "Битые ссылки"
-- question = "Какие ссылки сайта ведут посетителей на ошибку?"
-- answer = "На {source} ссылка ведёт на {target} (ошибка {status}): по ней прошли около {visitors} посетителей."
-- limits = """\
-- Нужна метка с `e` на шаблонах ошибок и браузер, который сообщает источник. Ссылка, по которой прошли меньше 5 посетителей, названа \
-- без числа, если по ней с общедоступной страницы прошли 2 посетителя из 2 сетей."""

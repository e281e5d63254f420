-- Which dead links do visitors follow, and who can mend each of them?
SELECT
    $person,
    owner,
    multiIf(owner = 'own page', referrer_page, owner = 'other site', toString(referrer_host), '') AS source,
    page AS target,
    1 AS hits
FROM
(
    SELECT
        *,
        multiIf(referrer_kind = 'internal', 'own page', referrer_kind IN ('none', 'mail'), 'print or mail', 'other site') AS owner,
        uniqExactIf(its_network, owner = 'print or mail' AND who = 'person') OVER (PARTITION BY page) AS networks_of_page
    FROM events
    WHERE kind = 'pageview'
        AND status IN (404, 410)
        AND referrer_kind != 'spam'
)
-- Without a referrer, one client could have made up the address.
WHERE owner != 'print or mail'
    OR networks_of_page >= {networks:UInt8}

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "visitors"
-- shape = "sparse"
-- order = "visitors DESC, hits DESC, owner, source, target"
--
-- # The link is in public HTML. Two networks: one client alone could make it up.
-- [at_once]
-- when = "owner = 'own page' AND position(target, '*') = 0"
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
-- owner = { kind = "key", unit = "words", meaning = "owner of the link. own page: edit the link on the page `source`. other site: redirect `target` to a page that exists, and ask the site `source` for a correction. print or mail: redirect `target`, and correct the next leaflet or letter" }
-- source = { kind = "key", unit = "path", meaning = "own page, or host of the other site, that has the link; empty in print and mail, and where the page is of a sensitive group" }
-- target = { kind = "key", unit = "path", meaning = "address to which the link leads, scrubbed" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who followed the link; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views of the missing page" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first hour or day in which the link was followed" }
-- probes = { kind = "probes", unit = "page views", meaning = "page views of clients that try addresses: nobody has to mend these; not in the other numbers; empty below 5" }
--
-- [thresholds]
-- networks = { default = 3, meaning = "different networks from which an address without a referrer is asked for" }
--
-- [en]
-- title = "Dead links and their owners"
-- answer = "The dead link of {owner} {source} to {target} has most visitors: about {visitors} followed it."
-- limits = """\
-- own page: edit the link. other site: redirect the address. print or mail (no referrer, from at least {networks} networks): redirect \
-- the address. An address that only probes try has no row: nobody has to mend it. Needs the tag on the error template with `e`. A \
-- browser or a site that hides the referrer makes a link look like print or mail."""
--
-- [ru]
-- title = "Мёртвые ссылки и кто их исправит"
-- question = "По каким мёртвым ссылкам идут посетители и кто может исправить каждую из них?"
-- answer = "Мёртвая ссылка {owner} {source} ведёт на {target}: по ней прошло больше всего посетителей, около {visitors}."
-- limits = """\
-- Своя страница (`own page`): исправьте ссылку. Другой сайт (`other site`): перенаправьте адрес. Печать или почта (`print or mail`: \
-- источника нет, сетей не меньше {networks}): перенаправьте адрес. У адреса, который пробуют только клиенты, перебирающие адреса, строки нет: его никто \
-- не должен исправлять. Нужна метка с `e` на шаблоне ошибки. Браузер или сайт, который скрывает источник, делает ссылку похожей на \
-- печатную."""

-- From where do visitors come, and did a source stop sending them?
SELECT
    $person,
    if(referrer_kind = 'none', 'no referrer', toString(referrer_kind)) AS source,
    replaceRegexpOne(referrer_host, '^www[.]', '') AS host,
    1 AS hits,
    paid,
    status >= 400 AS errors
FROM events
WHERE kind = 'pageview'
    AND referrer_kind != 'internal'

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "visitors"
-- shape = "partition"
-- order = "visitors DESC, hits DESC, source, host"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- source = { kind = "key", unit = "word", meaning = "search, social, mail, ad, spam (a site known for false referrers), other; no referrer: the browser named no page" }
-- host = { kind = "key", unit = "host", meaning = "host of the page before, without `www.`" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who came from it; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "page views with which they came" }
-- paid = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, from a paid click, by the address of the page; empty below 5" }
-- errors = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, error templates (status 400 and above): the source links to a wrong address; empty below 5" }
-- robots = { kind = "robots", unit = "page views", meaning = "page views of declared robots; not in the other numbers" }
--
-- [en]
-- title = "Referrers"
-- answer = "Of all sources, {source} {host} brings most visitors: about {visitors}."
-- limits = """\
-- The browser names the page before, or does not: `no referrer` are typed addresses, bookmarks, apps, mail programs, and links from \
-- sites that hide themselves. Links within the site are left out. A host is named from 5 visitors on, because a rare one may be \
-- private; to see whether a source stopped, compare the answers of two periods."""
--
-- [ru]
-- title = "Источники"
-- question = "Откуда приходят посетители и не перестал ли какой-то источник их присылать?"
-- answer = "Из всех источников {source} {host} даёт больше всего посетителей: около {visitors}."
-- limits = """\
-- Предыдущую страницу сообщает браузер, и не всегда: без источника (`no referrer`) - это набранные адреса, закладки, приложения, почтовые программы и \
-- ссылки с сайтов, которые себя скрывают. Ссылки внутри сайта не учтены. Хост назван начиная с 5 посетителей, потому что редкий хост \
-- может быть частным; чтобы увидеть, не пропал ли источник, сравните ответы за два периода."""

-- Which pages do visitors come from, although these pages report no view?
SELECT
    $person,
    named AS page,
    is_view AS views,
    NOT is_view AS referred,
    NOT is_view AND NOT has_view AS unseen
FROM
(
    SELECT *, max(is_view) OVER (PARTITION BY $one_person, named) AS has_view
    FROM
    (
        -- Each page view speaks of two pages: the one that reports it, and the one that it names as its referrer.
        SELECT *, arrayJoin([(toString(page), true), (referrer_page, false)]) AS said, said.1 AS named, said.2 AS is_view
        FROM events
        WHERE kind = 'pageview'
            AND (said.2 OR referrer_kind = 'internal')
    )
)
WHERE named != ''

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "unseen"
-- shape = "sparse"
-- # Four weeks would be sorted by person: at ten million page views that takes a minute.
-- grains = ["day", "week"]
-- order = "unseen DESC, visitors DESC, page"
-- # A client that makes up its referrer never opened the page, but others did: such a page is not silent.
-- only = "unseen_share >= {percent:UInt8} AND 100 * ifNull(views, 0) <= {views_percent:UInt8} * referred"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page = { kind = "key", unit = "path", meaning = "page of the site that other page views name as their referrer" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors who came from it, or whose view it reported; of several days: visitors of each day, added" }
-- views = { kind = "measure", unit = "page views", meaning = "page views that the page itself reported, at most 4 of each visitor; empty below 5" }
-- referred = { kind = "measure", unit = "page views", meaning = "page views that name it as referrer, at most 4 of each visitor; empty below 5" }
-- unseen = { kind = "measure", part_of = "referred", unit = "page views", meaning = "of these, by visitors of whom the page itself reported no view in the same period; empty below 5" }
-- unseen_share = { kind = "derived", unit = "percent", meaning = "unseen among referred: near 100 the page has lost its tag", expression = "round(100 * unseen / nullIf(referred, 0), 1)" }
--
-- [thresholds]
-- views_percent = { default = 10, meaning = "percent of the page views from a page that it may have as views of its own and still be silent" }
-- percent = { default = 50, meaning = "percent of the page views from a page that are unseen; fewer are of visitors who opened the page earlier" }
--
-- [en]
-- title = "Silent pages"
-- answer = "{page} is named as referrer by {referred} page views; for {unseen} of them the page itself reported no view. It has probably lost its tag: run `clinic-pixel check-tag`."
-- limits = """\
-- A page is listed if at least {percent} % of the page views from it are unseen, and its own views are at most {views_percent} % of \
-- these. Only links between pages of the site tell of a silent page: one from which nobody goes on is not seen, and a sensitive group \
-- is never named as referrer. A visitor who opened the page before midnight, or changed the network without a cookie, makes a few \
-- unseen page views on every page."""
--
-- [ru]
-- title = "Молчащие страницы"
-- question = "С каких страниц посетители приходят, хотя сами эти страницы о просмотрах не сообщают?"
-- answer = "{page} - источник перехода в просмотрах: {referred}; в скольких из них сама страница о просмотре не сообщила: {unseen}. Скорее всего, на ней пропала метка: запустите `clinic-pixel check-tag`."
-- limits = """\
-- Названа страница, для которой таких просмотров не меньше {percent} % от всех переходов с неё, а её собственных просмотров не больше \
-- {views_percent} % от них. Молчащую страницу выдают только ссылки между страницами сайта: страница, с которой никто не идёт дальше, \
-- не видна, а чувствительная группа никогда не бывает источником. Посетитель, который открыл страницу до полуночи или без cookie \
-- сменил сеть, даёт несколько таких просмотров на любой странице."""

-- Which images, scripts and other resources could not be loaded, from which host and on which pages?
SELECT
    $load,
    if(source_host = '', 'unknown', source_host) AS host,
    name AS type,
    arrayJoin([$all, toString(page)]) AS page,
    whose
FROM measurements
WHERE kind = 'resource'

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "loads"
-- shape = "sparse"
-- order = "loads DESC, host, type, page = '(all)' DESC, page"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- host = { kind = "key", unit = "host", meaning = "host of the resource; its path is not stored" }
-- type = { kind = "key", unit = "word", meaning = "what asked for it: img, script, link, fetch, ..." }
-- page = { kind = "key", unit = "path", meaning = "page that lacks it; the row (all) holds the rows of the single ones" }
-- whose = { kind = "key", unit = "word", meaning = "own: a host of the site; foreign: another host; unknown: without a host" }
-- loads = { kind = "loads", unit = "page loads", meaning = "page loads in which it failed; of several days: those of each day, added" }
-- measured = { kind = "measured", unit = "page loads", meaning = "page loads of the whole site that sent a vital in the same days; empty if the tag does not ask for vitals" }
-- share = { kind = "derived", unit = "percent", meaning = "loads among the measured ones, of the numbers as published", expression = "if(loads > measured, 100, round(100 * loads / nullIf(measured, 0), 1))" }
--
-- [columns.worst_page]
-- kind = "derived"
-- type = "String"
-- unit = "path"
-- meaning = "page on which it failed in most page loads"
-- expression = """\
-- if(isNull(loads), NULL, coalesce(nullIf(argMaxIf(page, loads, page != '(all)') \
-- OVER (PARTITION BY site, host, type), ''), '(not named)'))"""
--
-- [en]
-- title = "Failed resources"
-- answer = "{type} from {host} ({whose}) failed most: in about {loads} page loads; page with most of them: {worst_page}."
-- limits = """\
-- Needs `data-technical="resources"`, for the share also `vitals`. Page loads are counted, not visitors: a visitor may have several. A \
-- blocker of the visitor makes failures, too, mostly of foreign hosts. A page is named if it is publicly known and 5 page loads or \
-- more lack the resource there; a sensitive group from 20."""
--
-- [ru]
-- title = "Незагруженные ресурсы"
-- question = "Какие картинки, скрипты и другие ресурсы не загрузились, с какого хоста и на каких страницах?"
-- answer = "Чаще всего не загружалось: {type} с {host} ({whose}), загрузок страниц около {loads}; больше всего на странице: {worst_page}."
-- limits = """\
-- Нужна метка с `data-technical="resources"`, для доли ещё и `vitals`. Считаются загрузки страниц, а не посетители: у одного посетителя их \
-- может быть несколько. Блокировщик у посетителя тоже даёт такие сбои, чаще у чужих хостов. Страница названа, если она общедоступна и \
-- ресурса не хватило в 5 загрузках и больше; чувствительная группа - от 20."""

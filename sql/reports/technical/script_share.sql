-- In which browser, or on which pages, does the script of the tag not run?
SELECT
    $person,
    split.1 AS browser,
    split.2 AS section,
    mode != 'server' AS hits,
    mode IN ('noscript', 'img') AS without,
    mode = 'server' AS server
FROM
(
    -- Each page view counts once among the browsers and once among the sections: rows of both together would be too small.
    SELECT
        *,
        arrayJoin([
            (if(browser IN ('', 'Other', 'other'), 'unknown', toString(browser)), '(all)'),
            ('(all)', if($is_sensitive, toString(page), concat('/', splitByChar('/', toString(page))[2])))
        ]) AS split
    FROM events
    WHERE kind = 'pageview'
        AND status < 400
)

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "more"
-- tells_from = 10
-- shape = "sparse"
-- order = "section != '(all)', visitors DESC, browser, section"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- browser = { kind = "key", unit = "name", meaning = "browser family; '(all)' in a row of a section" }
-- section = { kind = "key", unit = "path", meaning = "first part of the address; '(all)' in a row of a browser" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors with this browser, or of this section; of several days: visitors of each day, added" }
-- hits = { kind = "measure", unit = "page views", meaning = "their page views without error templates, as browsers sent them; of one visitor at most 4 count" }
-- without = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, counted by an image, because the script did not run or is not in the page; empty below 5" }
-- server = { kind = "measure", unit = "page views", meaning = "beside these, page views sent by the site's own server, which runs no script; empty below 5" }
-- share = { kind = "derived", unit = "percent", meaning = "without among hits", expression = "round(100 * without / nullIf(hits, 0), 1)" }
-- others = { kind = "derived", unit = "percent", meaning = "the same of all other browsers, or of all other sections, together; an empty number counts as 0", expression = "if(isNull(hits), NULL, round(100 * (sum(ifNull(without, 0)) OVER (PARTITION BY site, section = '(all)') - ifNull(without, 0)) / nullIf(sum(ifNull(hits, 0)) OVER (PARTITION BY site, section = '(all)') - ifNull(hits, 0), 0), 1))" }
-- more = { kind = "derived", unit = "page views", meaning = "page views without the script beyond the share of the others", expression = "accurateCastOrNull(round(without - hits * (sum(ifNull(without, 0)) OVER (PARTITION BY site, section = '(all)') - ifNull(without, 0)) / nullIf(sum(ifNull(hits, 0)) OVER (PARTITION BY site, section = '(all)') - ifNull(hits, 0), 0)), 'Int64')" }
--
-- [en]
-- title = "Page views without the script"
-- answer = """\
-- Compared with the others, the script is missing most in this row: browser {browser}, section {section}, {without} of {hits} page views \
-- (others: {others} %)."""
-- nothing = "No browser and no section has visibly more page views without the script than the others."
-- limits = """\
-- A page view without the script comes from a browser without JavaScript, a blocked or broken script, or a page that has the image \
-- alone. A browser that blocks script and image is not seen. A row of fewer than 5 visitors is not named, and so is a sensitive group of fewer than 20."""
--
-- [ru]
-- title = "Просмотры без скрипта"
-- question = "В каком браузере или на каких страницах не выполняется скрипт метки?"
-- answer = """\
-- По сравнению с остальными скрипта больше всего не хватает в строке: браузер {browser}, раздел {section}, просмотров без него {without} \
-- из {hits} (у остальных {others} %)."""
-- nothing = "Ни в одном браузере и разделе нет заметно большей доли просмотров без скрипта, чем у остальных."
-- limits = """\
-- Просмотр без скрипта - это браузер без JavaScript, заблокированный или сломанный скрипт или страница, на которой есть только картинка. \
-- Браузер, который блокирует и скрипт, и картинку, не виден. Строка, в которой меньше 5 посетителей, не названа; чувствительная группа - меньше 20."""

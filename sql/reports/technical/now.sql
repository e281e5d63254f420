-- Do hits arrive right now?
WITH
    least(now('UTC'), $end_hour) AS end,
    -- At a tiny site a minute is one person's: those of longer ago are not shown.
    greatest($first_hour, toStartOfMinute(now('UTC') - toIntervalDay(1))) AS begin,
    end - toIntervalDay(7) AS longest_ago,
    minutes AS (
        SELECT toDateTime(arrayJoin(range(toUnixTimestamp(begin), toUnixTimestamp(end), 60)), 'UTC') AS minute
    ),
    accepted AS (
        SELECT minute, site, sum(value) AS hits
        FROM pixel.counters
        WHERE name = 'stored' AND minute >= begin AND minute < end
        GROUP BY minute, site
    ),
    refused AS (
        SELECT minute, sum(value) AS hits, sumIf(value, reason = 'flood') AS floods
        FROM pixel.counters
        WHERE name = 'refused' AND minute >= begin AND minute < end
        GROUP BY minute
    ),
    newest AS (
        SELECT site, max(minute) AS last_minute
        FROM pixel.counters
        WHERE name = 'stored' AND minute >= longest_ago AND minute < end
        GROUP BY site
    ),
    -- A site that never sent a hit is a row, too, and so are counts that have no site yet.
    sites AS (
        SELECT arrayJoin($sites) AS site
        UNION DISTINCT
        SELECT site FROM accepted
    )
SELECT
    minutes.minute AS minute,
    sites.site AS site,
    accepted.hits AS accepted,
    refused.hits AS refused,
    refused.floods AS floods,
    dateDiff('second', greatest(newest.last_minute, longest_ago), end) AS lag
FROM minutes
CROSS JOIN sites
LEFT JOIN accepted ON accepted.minute = minutes.minute AND accepted.site = sites.site
LEFT JOIN refused ON refused.minute = minutes.minute
LEFT JOIN newest ON newest.site = sites.site
ORDER BY minute, site

-- purpose = "technical"
-- role = "ops"
-- chart = "line"
-- rank = "lag"
-- plain = { 3h = 3 }
--
-- [parameters]
-- since = { type = "DateTime64(3, 'UTC')", default = "3h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- minute = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "begin of the minute of receipt" }
-- site = { kind = "value", type = "LowCardinality(String)", unit = "name", meaning = "site of the settings; empty for hits that an older version counted" }
-- accepted = { kind = "value", type = "UInt64", unit = "hits", meaning = "stored page views, impressions and measurements of the site, robots and probes included" }
-- refused = { kind = "value", type = "UInt64", unit = "hits", meaning = "refused hits of all sites together: the same number in the row of each site" }
-- floods = { kind = "value", type = "UInt64", unit = "hits", meaning = "of the refused hits, those over the rate of their client" }
-- lag = { kind = "value", type = "UInt32", unit = "seconds", meaning = "age of the site's newest minute with an accepted hit, at the end of the period; 604800 for seven days or more; the same in all rows of a site" }
--
-- [en]
-- title = "Hits right now"
-- answer = "Silent for longest: {site}, {lag} seconds without an accepted hit."
-- limits = """\
-- A silent site shows as minutes without accepted hits. Numbers are exact, because they count the hits of all visitors together; at a \
-- tiny site a minute with one hit is one person's page view, without page, browser or network, so only the last 24 hours are shown. \
-- The last two minutes may be incomplete: hits are counted when they are stored."""
--
-- [ru]
-- title = "Обращения сейчас"
-- question = "Приходят ли обращения прямо сейчас?"
-- answer = "Дольше всех молчит {site}: {lag} секунд без принятых обращений."
-- limits = """\
-- Замолчавший сайт виден по минутам без принятых обращений. Числа точные: это обращения всех посетителей вместе; на очень маленьком \
-- сайте минута с одним обращением - это просмотр одного человека, без страницы, браузера и сети, поэтому показаны только последние 24 \
-- часа. Последние две минуты могут быть неполными: обращение считается, когда оно сохранено."""

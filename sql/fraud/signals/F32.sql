-- How many different browsers used one cookie?
-- A phone that asks for the desktop page, and a newer version of the same browser, are no other browser; an older version ten minutes after a newer one is.
-- Of a client 20 browsers are looked at.
WITH
    agents AS (
        SELECT
            suspect, browser_major AS major,
            any(client) AS client, min(received_at) AS first, max(received_at) AS last,
            (
                trimBoth(replaceRegexpAll(toString(browser), '\\b(Mobile|iOS|WebView)\\b', '')),
                multiIf(os IN ('iOS', 'iPadOS', 'Mac OS X', 'macOS'), 'Apple', os IN ('Android', 'Linux'), 'Linux', toString(os))
            ) AS family
        FROM hits
        WHERE visitor_kind = 'cookie'
        GROUP BY suspect, browser, os, major
    )
SELECT
    any(client) AS client,
    '' AS link,
    uniqExact(family) + arrayCount(new -> arrayExists(old -> old.1 = new.1 AND old.2 < new.2 AND old.4 > new.3 + toIntervalMinute(10), spans), spans) AS value,
    min(first) AS began,
    max(last) AS ended,
    map('browsers', arrayStringConcat(arraySort(arrayDistinct(arrayMap(span -> trimBoth(concat(span.1.1, if(span.2 = 0, '', concat(' ', toString(span.2))), ', ', span.1.2)), arraySlice(spans, 1, 5)))), '; ')) AS evidence,
    groupArray(20)((family, major, first, last)) AS spans
FROM agents
GROUP BY suspect

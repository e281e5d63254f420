-- How often within 10 minutes did a client send the same page, ad block or nonce again within 30 seconds?
-- A library that says its name is regular by nature, as scripts of the clinic are: that is no second proof.
WITH
    floods AS (
        SELECT suspect, any(client) AS client, toString(page) AS what, groupArraySorted(2000)(at_ms) AS times
        FROM hits
        WHERE NOT has(ivt_reasons, 'http_library') AND suspect IN (SELECT suspect FROM hits GROUP BY suspect HAVING count() >= 4)
        GROUP BY suspect, kind, page, ad
        HAVING count() >= 2
        UNION ALL
        -- `hits` has the first of each nonce only.
        SELECT suspect, any(client) AS client, any(toString(page)) AS what, groupArraySorted(2000)(at_ms) AS times
        FROM sent
        WHERE nonce != 0
        GROUP BY suspect, nonce
        HAVING count() >= 11
    ),
    repeated AS (
        SELECT suspect, client, what, again
        FROM floods
        ARRAY JOIN arrayFilter((at, gap, place) -> place > 1 AND gap <= 30000, times, arrayDifference(times), arrayEnumerate(times)) AS again
    ),
    counted AS (
        SELECT suspect, any(client) AS client, what, max(in_10m) AS most, min(again) AS first_ms, max(again) AS last_ms
        FROM
        (
            SELECT *, count() OVER (PARTITION BY suspect, what ORDER BY again RANGE BETWEEN 599999 PRECEDING AND CURRENT ROW) AS in_10m
            FROM repeated
        )
        GROUP BY suspect, what
    )
SELECT
    any(client) AS client,
    '' AS link,
    max(most) AS value,
    fromUnixTimestamp64Milli(min(first_ms), 'UTC') AS began,
    fromUnixTimestamp64Milli(max(last_ms), 'UTC') AS ended,
    map('page', argMax(what, most)) AS evidence
FROM counted
-- A page that more than five clients storm has a fault of its own.
WHERE what NOT IN (SELECT what FROM counted WHERE most >= 10 GROUP BY what HAVING uniqUpTo(5)(suspect) > 5)
GROUP BY suspect

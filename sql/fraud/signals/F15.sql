-- How many different pages did a client load within a minute?
WITH
    fastest AS (
        SELECT suspect, max(pages_60s) AS in_60s
        FROM
        (
            SELECT suspect, uniqExact(page) OVER (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 59999 PRECEDING AND CURRENT ROW) AS pages_60s
            FROM
            (
                SELECT suspect, at_ms, page
                FROM hits
                -- Errors are another signal's.
                WHERE is_view AND status < 400
                    AND suspect IN (SELECT suspect FROM hits WHERE is_view AND status < 400 GROUP BY suspect HAVING uniqUpTo(39)(page) > 39)
                LIMIT 5000 BY suspect
            )
        )
        GROUP BY suspect
    )
-- Of clients with fewer pages: the most of a minute of the clock.
SELECT
    any(minutes.client) AS client,
    '' AS link,
    greatest(max(in_minute), any(in_60s)) AS value,
    min(first_at) AS began,
    max(last_at) AS ended,
    map('views', toString(sum(views))) AS evidence
FROM
(
    SELECT suspect, any(client) AS client, uniq(page) AS in_minute, count() AS views, min(received_at) AS first_at, max(received_at) AS last_at
    FROM hits
    WHERE is_view AND status < 400
    GROUP BY suspect, intDiv(at_ms, 60000)
) AS minutes
LEFT JOIN fastest USING (suspect)
GROUP BY suspect

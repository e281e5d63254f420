-- How many page views did a client load within 10 seconds?
SELECT
    any(client) AS client,
    '' AS link,
    max(pace) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('pages', toString(max(pages_60s)), 'in_10s', toString(max(in_10s)), 'in_60s', toString(max(in_60s))) AS evidence
FROM
(
    SELECT
        suspect, client, received_at,
        count() OVER ten AS in_10s,
        count() OVER sixty AS in_60s,
        -- Twenty within a minute weigh as much as eight within ten seconds.
        greatest(toFloat64(in_10s), in_60s * 0.4) AS pace,
        uniqExact(page) OVER sixty AS pages_60s
    FROM
    (
        SELECT suspect, client, received_at, at_ms, page
        FROM hits
        WHERE is_view AND suspect IN (SELECT suspect FROM hits WHERE is_view GROUP BY suspect HAVING uniqUpTo(2)(page) > 2)
        -- A window costs the square of the views in it.
        LIMIT 5000 BY suspect
    )
    WINDOW
        ten AS (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 9999 PRECEDING AND CURRENT ROW),
        sixty AS (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 59999 PRECEDING AND CURRENT ROW)
)
-- A tab that loads one page again and again is a reload storm, not a robot.
WHERE pages_60s >= 3
GROUP BY suspect

-- How many different missing or forbidden pages did a client ask for within 100 seconds?
WITH
    -- Five clients or more at one missing page: a link to it is broken.
    broken AS (
        SELECT page FROM hits WHERE is_view AND status IN (403, 404) GROUP BY page HAVING uniqUpTo(4)(suspect) > 4
    )
SELECT
    any(client) AS client,
    '' AS link,
    max(missing) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('pages', arrayStringConcat(groupUniqArray(3)(toString(page)), ' ')) AS evidence
FROM
(
    SELECT
        suspect, client, received_at, page,
        uniqExact(page) OVER (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 99999 PRECEDING AND CURRENT ROW) AS missing
    FROM
    (
        SELECT suspect, client, received_at, at_ms, page
        FROM hits
        WHERE is_view AND status IN (403, 404) AND page NOT IN broken
        LIMIT 5000 BY suspect
    )
)
GROUP BY suspect

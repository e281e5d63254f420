-- How many impressions of a client have no page view?
WITH
    showings AS (
        SELECT
            suspect,
            any(client) AS client,
            any(toString(browser)) AS program,
            count() AS shown,
            min(received_at) AS began,
            max(received_at) AS ended
        FROM hits
        -- A blocker stays with a person: whoever has the cookie of another day is not measured.
        WHERE NOT is_view AND NOT $has_old_cookie
        GROUP BY suspect
    ),
    -- The clients in question, and of the others of each browser as many as tell what is usual.
    chosen AS (
        SELECT * FROM (SELECT * FROM showings WHERE shown >= 50 ORDER BY shown DESC, suspect LIMIT 5000)
        UNION ALL
        SELECT * FROM (SELECT * FROM showings WHERE shown < 50 ORDER BY sipHash64(suspect) LIMIT 2000 BY program)
    ),
    -- Of a client with very many impressions about 500 are drawn.
    drawn AS (
        SELECT suspect, client, program, shown, began, ended, nonce, page, intDiv(at_ms, 30000) AS step
        FROM hits
        INNER JOIN (SELECT suspect, program, shown, began, ended FROM chosen) AS of_client USING (suspect)
        WHERE NOT is_view AND sipHash64(event_id) % greatest(1, intDiv(shown, 500)) = 0
    ),
    matched AS (
        SELECT
            suspect,
            any(client) AS client,
            any(program) AS program,
            any(shown) AS shown,
            any(began) AS began,
            any(ended) AS ended,
            count() AS looked_at,
            countIf(
                NOT (nonce != 0 AND nonce IN (SELECT nonce FROM sent WHERE is_view AND nonce IN (SELECT nonce FROM drawn)))
                -- Steps of 30 seconds: at least 30 seconds before and after.
                AND (suspect, page, step) NOT IN (
                    SELECT DISTINCT suspect, page, arrayJoin([intDiv(at_ms, 30000) - 1, intDiv(at_ms, 30000), intDiv(at_ms, 30000) + 1])
                    FROM sent
                    WHERE is_view AND (suspect, page) IN (SELECT suspect, page FROM drawn)
                )
            ) AS orphans
        FROM drawn
        GROUP BY suspect
    )
SELECT
    client,
    '' AS link,
    round(shown * orphans / looked_at) AS value,
    began,
    ended,
    map('impressions', toString(shown), 'share', toString(round(100 * orphans / looked_at)), 'others', toString(round(100 * other_orphans / others))) AS evidence
FROM
(
    SELECT
        *,
        sum(orphans) OVER of_program - orphans AS other_orphans,
        sum(looked_at) OVER of_program - looked_at AS others,
        count() OVER of_program AS clients
    FROM matched
    WINDOW of_program AS (PARTITION BY program)
)
-- Where page views of this browser are lost by themselves, orphans say nothing.
WHERE shown >= 50 AND orphans / looked_at > 0.2 AND clients > 3 AND others >= 30 AND other_orphans / others < 0.1

-- How many different pages did a client load within a minute, or, if they are a great part of the site, in the day?
WITH
    -- Pages that one client alone loaded do not make the site larger for the others.
    shared AS (
        SELECT page FROM hits WHERE is_view AND status < 400 GROUP BY page HAVING uniqUpTo(1)(suspect) > 1
    ),
    days AS (
        SELECT
            suspect,
            any(client) AS client,
            max(in_minute) AS busiest,
            uniqMerge(states) AS pages,
            uniqMerge(shared_states) AS shared_pages,
            min(first_at) AS began,
            max(last_at) AS ended
        FROM
        (
            SELECT
                suspect,
                any(client) AS client,
                uniq(page) AS in_minute,
                uniqState(page) AS states,
                uniqStateIf(page, page IN shared) AS shared_states,
                min(received_at) AS first_at,
                max(received_at) AS last_at
            FROM hits
            WHERE is_view AND status < 400
            GROUP BY suspect, intDiv(at_ms, 60000)
        )
        GROUP BY suspect
    ),
    fastest AS (
        SELECT suspect, max(pages_60s) AS in_60s
        FROM
        (
            SELECT suspect, uniqExact(page) OVER (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 59999 PRECEDING AND CURRENT ROW) AS pages_60s
            FROM
            (
                SELECT suspect, at_ms, page
                FROM hits
                WHERE is_view AND status < 400
                    AND suspect IN (SELECT suspect FROM hits WHERE is_view AND status < 400 GROUP BY suspect HAVING uniqUpTo(39)(page) > 39)
                LIMIT 5000 BY suspect
            )
        )
        GROUP BY suspect
    )
SELECT
    client,
    '' AS link,
    greatest(busiest, in_60s) AS in_a_minute,
    pages / (pages - shared_pages + (SELECT count() FROM shared)) AS share,
    multiIf(in_a_minute >= 40, in_a_minute, pages >= 40 AND share > 0.3, pages, in_a_minute) AS value,
    began,
    ended,
    map('in_60s', toString(in_a_minute), 'pages', toString(pages), 'share', toString(round(100 * share))) AS evidence
FROM days
LEFT JOIN fastest USING (suspect)

-- Which campaign source brings only clients that see one page, and bookings that were under way before it?
-- Whoever booked saw more than one page without the source, and is none of its visitors.
WITH
    -- A first hit has no cookie yet, so a person is a browser at an address here.
    people AS (
        SELECT
            ip_token,
            ua_token,
            countIf(page_role = 'done') > 0 AS has_booked,
            uniqUpTo(2)(page_host, page) = 1 AND NOT has_booked AS saw_one_page,
            groupUniqArrayIf(3)(campaign['utm_source'], campaign['utm_source'] != '') AS sources
        FROM sent
        WHERE is_view
        GROUP BY ip_token, ua_token
    ),
    steps AS (
        SELECT ip_token, ua_token, campaign['utm_source'] AS source, page_role = 'done' AS is_done, min(at_ms) AS first_ms
        FROM hits
        WHERE is_view AND (page_role = 'done' OR campaign['utm_source'] != '')
            AND (ip_token, ua_token) IN (SELECT ip_token, ua_token FROM sent WHERE is_view AND page_role = 'done')
        GROUP BY ip_token, ua_token, source, is_done, intDiv(at_ms, 1000)
    ),
    bookings AS (
        SELECT claimed AS source, count() AS booked, countIf(first_ms - landed_ms < 5000) AS at_once
        FROM
        (
            SELECT
                is_done,
                first_ms,
                argMaxIf(source, first_ms, source != '') OVER before AS claimed,
                maxIf(first_ms, source != '') OVER before AS landed_ms
            FROM steps
            WINDOW before AS (PARTITION BY ip_token, ua_token ORDER BY first_ms, is_done ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        )
        WHERE is_done AND claimed != ''
        GROUP BY source
    ),
    sources AS (
        SELECT source, landed, one_page, visiting, (everybody.2 - one_page) / (everybody.1 - visiting) AS usual_share
        FROM (SELECT arrayJoin(sources) AS source, count() AS landed, countIf(NOT has_booked) AS visiting, countIf(saw_one_page) AS one_page FROM people GROUP BY source) AS of_source
        CROSS JOIN (SELECT (countIf(NOT has_booked), countIf(saw_one_page)) AS everybody FROM people) AS of_site
        WHERE visiting >= 20 AND one_page >= 0.95 * visiting AND everybody.1 > visiting
    )
SELECT
    any(client) AS client,
    concat('campaign ', source) AS link,
    any(landed) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map(
        'source', source,
        'share', toString(floor(100 * any(one_page) / any(visiting))),
        'usual_share', toString(round(100 * any(usual_share))),
        'bookings', toString(any(booked)),
        'at_once', toString(any(bookings.at_once))
    ) AS evidence
FROM (SELECT *, campaign['utm_source'] AS source FROM sent WHERE is_view AND campaign['utm_source'] != '') AS landings
INNER JOIN sources USING (source)
INNER JOIN bookings USING (source)
-- Where nearly everybody sees one page, one page says nothing. Whoever read on or booked is a victim of the source.
WHERE usual_share < 0.9 AND booked >= 2 AND bookings.at_once >= 0.9 * booked
    AND (ip_token, ua_token) IN (SELECT ip_token, ua_token FROM people WHERE saw_one_page AND notEmpty(sources))
GROUP BY suspect, source
ORDER BY value DESC, suspect
LIMIT 500 BY source

-- How many paid clicks came from the same addresses of a network, after its last page of booking or login?
-- A client whose cookie came back is a member by clicks of its own: one click behind the address of somebody who repeats them is a person's.
WITH
    booked AS (
        SELECT net_token, max(at_ms) AS booked_ms
        FROM sent
        WHERE is_view AND page_role IN ('form', 'done', 'login', 'reset') AND NOT paid
        GROUP BY net_token
    ),
    -- At most one click in ten seconds: a page that is loaded twice is one click.
    steps AS (
        SELECT
            net_token,
            ip_token,
            intDiv(at_ms, 10000) AS step,
            min(at_ms) AS clicked_ms,
            any(click_token) AS click_id,
            any(if(cookie_state = 'returning', visitor, 0)) AS cookie
        FROM hits
        WHERE is_view AND paid AND net_token != toIPv6('::')
        GROUP BY net_token, ip_token, step
    ),
    -- A click id is one click, however often its page is loaded again.
    clicks AS (
        SELECT *
        FROM (SELECT *, row_number() OVER (PARTITION BY net_token, click_id ORDER BY step) AS load FROM steps) AS loads
        LEFT JOIN booked USING (net_token)
        WHERE (click_id = 0 OR load = 1) AND clicked_ms > booked_ms
    ),
    -- Of several people behind one network each may click twice; the first hit of each has no cookie yet.
    counted AS (
        SELECT net_token, ip_token, step, cookies, count() OVER (PARTITION BY net_token, ip_token) AS of_address
        FROM
        (
            SELECT
                *,
                uniqExactIf(cookie, cookie != 0) OVER (PARTITION BY net_token) AS cookies,
                row_number() OVER (PARTITION BY net_token, cookie ORDER BY step) AS turn
            FROM clicks
        )
        WHERE cookies < 2 OR if(cookie = 0, turn > cookies, turn <= 2)
    ),
    -- Neighbours who clicked once each repeat nothing.
    repeated AS (
        SELECT * FROM counted WHERE of_address > 1
    ),
    networks AS (
        SELECT net_token, count() AS clicked, max(cookies) AS people, max(in_10_min) AS at_once
        FROM
        (
            SELECT *, count() OVER (PARTITION BY net_token ORDER BY step RANGE BETWEEN 59 PRECEDING AND CURRENT ROW) AS in_10_min
            FROM repeated
        )
        GROUP BY net_token
        -- Three clicks count only within ten minutes.
        HAVING clicked != 3 OR at_once = 3
    )
SELECT *
FROM
(
    SELECT
        any(client) AS client,
        lower(hex(sipHash64('network', epoch, net_token))) AS link,
        any(clicked) AS value,
        min(received_at) AS began,
        max(received_at) AS ended,
        map(
            'in_10_min', toString(any(at_once)),
            'cookies', toString(any(people)),
            'campaign', arrayStringConcat(arraySort(groupUniqArrayIf(3)(campaign['utm_campaign'], campaign['utm_campaign'] != '')), ', '),
            'click_kind', arrayStringConcat(arraySort(groupUniqArray(3)(toString(click_kind))), ', ')
        ) AS evidence
    FROM hits
    INNER JOIN networks USING (net_token)
    WHERE is_view AND paid AND (net_token, ip_token) IN (SELECT net_token, ip_token FROM repeated)
    GROUP BY suspect, epoch, net_token
    -- Whoever booked or logged in came for that, unless most of the clicks are its own.
    HAVING (max(cookie_state != 'returning') OR uniqExact(intDiv(at_ms, 10000)) >= 2) AND (suspect NOT IN (SELECT suspect FROM sent WHERE is_view AND page_role IN ('form', 'done', 'login', 'reset'))
        OR uniqExact(intDiv(at_ms, 10000)) >= greatest(3, value / 2))
    ORDER BY value DESC, suspect
    LIMIT 500 BY link
)
ORDER BY value DESC
LIMIT 1 BY client.suspect

-- How many user agents had one address within 80 seconds, when at most one cookie came back to it all day?
-- Only addresses with ten agents a day are looked at.
WITH
    busy AS (
        SELECT ip_token
        FROM hits
        GROUP BY ip_token
        HAVING uniqUpTo(10)(ua_token) >= 10 AND uniqUpToIf(2)(visitor, cookie_state = 'returning') <= 1
    )
SELECT
    any(client) AS client,
    '' AS link,
    max(in_80s) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('agents', toString(max(in_80s))) AS evidence
FROM
(
    SELECT
        suspect, client, received_at, cookie_state,
        -- Every hit of a burst is in it, not its last one alone.
        max(until_here) OVER (PARTITION BY ip_token ORDER BY at_ms RANGE BETWEEN CURRENT ROW AND 79999 FOLLOWING) AS in_80s
    FROM
    (
        SELECT
            suspect, client, received_at, cookie_state, ip_token, at_ms,
            uniqExact(ua_token) OVER (PARTITION BY ip_token ORDER BY at_ms RANGE BETWEEN 79999 PRECEDING AND CURRENT ROW) AS until_here
        FROM hits
        WHERE ip_token IN busy
    )
)
WHERE cookie_state != 'returning'
GROUP BY suspect

-- How many pages for a new password did a network load within ten minutes, with changing cookies?
WITH
    loads AS (
        SELECT suspect, client, net_token, epoch, received_at, intDiv(at_ms, 60000) AS minute, cookie_state, visitor_kind
        FROM hits
        -- A person who came back with the cookie of another day forgot a password.
        WHERE is_view AND page_role = 'reset' AND net_token != toIPv6('::') AND NOT $has_old_cookie
    ),
    networks AS (
        SELECT net_token, max(in_10_min) AS resets, argMax(cookies, in_10_min) AS identities
        FROM
        (
            SELECT net_token, sum(n) OVER ten AS in_10_min, sum(fresh) OVER ten + length(groupUniqArrayArray(known) OVER ten) AS cookies
            FROM
            (
                SELECT
                    net_token,
                    minute,
                    count() AS n,
                    countIf($has_new_cookie) AS fresh,
                    groupUniqArrayIf(20)(suspect, visitor_kind = 'cookie') AS known
                FROM loads
                GROUP BY net_token, minute
            )
            WINDOW ten AS (PARTITION BY net_token ORDER BY minute RANGE BETWEEN 9 PRECEDING AND CURRENT ROW)
        )
        GROUP BY net_token
        -- One client that asks again and again has one cookie, or none at all.
        HAVING identities >= 3 OR resets < 3
    )
SELECT *
FROM
(
    SELECT
        any(client) AS client,
        lower(hex(sipHash64('network', epoch, net_token))) AS link,
        any(resets) AS value,
        min(received_at) AS began,
        max(received_at) AS ended,
        map('cookies', toString(any(identities))) AS evidence
    FROM loads
    INNER JOIN networks USING (net_token)
    GROUP BY suspect, epoch, net_token
    ORDER BY value DESC, suspect
    LIMIT 500 BY link
)
ORDER BY value DESC
LIMIT 1 BY client.suspect

-- How many bookings of clients without a cookie of another day came from one network?
WITH
    booked AS (
        SELECT suspect, any(client) AS client, net_token, epoch, intDiv(at_ms, 60000) AS minute, min(received_at) AS began, max(received_at) AS ended
        FROM hits
        WHERE is_view AND page_role = 'done' AND NOT $has_old_cookie AND net_token != toIPv6('::')
        GROUP BY suspect, net_token, epoch, minute
    ),
    -- At most two of each client: many of one client are a sign of that client.
    networks AS (
        SELECT net_token, sum(least(2, times)) AS bookings, count() AS clients
        FROM (SELECT net_token, suspect, count() AS times FROM booked GROUP BY net_token, suspect)
        GROUP BY net_token
    )
SELECT *
FROM
(
    SELECT
        any(client) AS client,
        lower(hex(sipHash64('network', epoch, net_token))) AS link,
        any(bookings) AS value,
        min(began) AS began,
        max(ended) AS ended,
        map('clients', toString(any(clients))) AS evidence
    FROM booked
    INNER JOIN networks USING (net_token)
    GROUP BY suspect, net_token, epoch
    ORDER BY value DESC, suspect
    LIMIT 500 BY link
)
ORDER BY value DESC
LIMIT 1 BY client.suspect

-- How many addresses of one IPv4 network did one browser use in an hour, nearly all for a single hit?
-- IPv6 addresses change inside of a network by design, and those of phones and relays belong to many people. A client with a cookie of an earlier day
-- is no member; of a network 500 clients are kept.
WITH
    uses AS (
        SELECT net_token, ua_token, toStartOfHour(received_at) AS hour, ip_token, count() AS hits_here
        FROM hits
        WHERE ip_version = 4 AND net_class NOT IN ('mobile', 'relay')
        GROUP BY net_token, ua_token, hour, ip_token
    ),
    rotating AS (
        SELECT net_token, ua_token, hour, count() AS addresses, countIf(hits_here = 1) AS single
        FROM uses
        GROUP BY net_token, ua_token, hour
        HAVING addresses >= 15 AND single * 5 >= addresses * 4
    )
SELECT
    any(client) AS client,
    argMax(concat('network ', lower(hex(sipHash64(net_token, ua_token)))), addresses) AS link,
    max(addresses) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('addresses', toString(max(addresses)), 'single', toString(argMax(single, addresses))) AS evidence
FROM
(
    SELECT *, toStartOfHour(received_at) AS hour
    FROM hits
    WHERE ip_version = 4 AND net_class NOT IN ('mobile', 'relay') AND (net_token, ua_token, toStartOfHour(received_at)) IN (SELECT net_token, ua_token, hour FROM rotating)
) AS its_hits
INNER JOIN rotating USING (net_token, ua_token, hour)
GROUP BY suspect
HAVING max($has_old_cookie) = 0
ORDER BY suspect
LIMIT 500 BY link

-- How many different pages did the clients of one address load in an hour, without following one link?
WITH
    by_client AS (
        SELECT
            suspect,
            ip_token,
            toStartOfHour(received_at) AS hour,
            any(client) AS client,
            count() AS views,
            uniq(page) AS own_pages,
            uniqState(page) AS states,
            countIf(referrer_kind = 'internal') AS followed,
            min(received_at) AS first_at,
            max(received_at) AS last_at
        FROM hits
        WHERE is_view
        GROUP BY suspect, ip_token, hour
    ),
    by_address AS (
        SELECT
            uniqMerge(states) AS pages,
            uniqExact(suspect) AS clients,
            sum(followed) AS links,
            groupArray(2000)((client, views, own_pages, first_at, last_at)) AS members
        FROM by_client
        GROUP BY ip_token, hour
    )
SELECT
    member.1 AS client,
    '' AS link,
    -- Who shares the address and loads a few pages is not the one that is meant.
    max(multiIf(links > 0, 0, member.2 >= 20, pages, least(member.3, 19))) AS value,
    min(member.4) AS began,
    max(member.5) AS ended,
    map('clients', toString(argMax(clients, pages))) AS evidence
FROM by_address
ARRAY JOIN members AS member
GROUP BY client

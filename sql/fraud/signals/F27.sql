-- How many clients took the same way of at least five pages?
WITH
    ways AS (
        SELECT
            suspect,
            any(client) AS client,
            min(received_at) AS began,
            max(received_at) AS ended,
            any(net_token) AS network,
            arraySlice(arrayMap(step -> step.2, arraySort(groupArray(200)((at_ms, page)))), 1, 100) AS pages,
            max(cookie_age IN ('day', 'week', 'month', 'older')) AS came_back
        FROM hits
        WHERE is_view
        GROUP BY suspect
        HAVING length(pages) >= 5
    )
SELECT
    client,
    lower(hex(sipHash64(pages))) AS link,
    toFloat64(count() OVER same_way) AS value,
    began,
    ended,
    map('networks', toString(networks), 'pages', toString(length(pages))) AS evidence
FROM
(
    SELECT *, uniqExact(network) OVER (PARTITION BY sipHash64(pages)) AS networks
    FROM ways
    WHERE NOT came_back AND length(arrayDistinct(pages)) >= 3
)
WHERE networks >= 3
WINDOW same_way AS (PARTITION BY sipHash64(pages))

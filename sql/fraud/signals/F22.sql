-- Which share of the gaps between a client's page views has the same length, to the second?
-- A library that says its name is regular by nature, as scripts of the clinic are: that is no second proof.
WITH
    gaps AS (
        SELECT client, times[1] AS first_ms, times[-1] AS last_ms, round(gap / 1000) AS seconds
        FROM
        (
            SELECT any(client) AS client, groupArraySorted(2000)(at_ms) AS times
            FROM hits
            WHERE is_view AND NOT has(ivt_reasons, 'http_library') AND suspect IN (SELECT suspect FROM hits WHERE is_view GROUP BY suspect HAVING count() >= 21)
            GROUP BY suspect
        )
        ARRAY JOIN arrayPopFront(arrayDifference(times)) AS gap
        WHERE gap < 1800000
    )
SELECT
    client,
    '' AS link,
    max(same) / sum(same) AS value,
    fromUnixTimestamp64Milli(any(first_ms), 'UTC') AS began,
    fromUnixTimestamp64Milli(any(last_ms), 'UTC') AS ended,
    map('seconds', toString(argMax(seconds, same)), 'gaps', toString(sum(same))) AS evidence
FROM
(
    SELECT client, seconds, count() AS same, any(first_ms) AS first_ms, any(last_ms) AS last_ms FROM gaps GROUP BY client, seconds
)
GROUP BY client
-- Within two seconds it is no period but a burst, such as tabs that a browser restores.
HAVING sum(same) >= 20 AND argMax(seconds, same) >= 2

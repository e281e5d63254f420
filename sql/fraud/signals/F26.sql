-- How many pages did a client open in one sitting from pages of the site that neither it nor its network had loaded?
WITH
    -- The referring page must be one that others load, or a cache between may hide its views.
    seen AS (
        SELECT sipHash64(page) AS page_hash FROM hits WHERE is_view GROUP BY page HAVING uniqUpTo(1)(suspect) > 1
    ),
    claims AS (
        SELECT client, claim.1 AS at, claim.2 AS referrer, claim.3 AS network, claim.4 AS address, claim.5 AS opened
        FROM
        (
            SELECT
                any(client) AS client,
                groupUniqArray(500)(sipHash64(page)) AS own,
                -- In the first half hour the referring page may be one of the day before, whose tokens were others.
                groupArrayIf(200)(
                    (at_ms, sipHash64(referrer_page), net_token, ip_token, sipHash64(page)),
                    referrer_kind = 'internal' AND referrer_page != '' AND received_at >= {since:DateTime('UTC')} + toIntervalMinute(30)
                ) AS all_claims,
                arrayFilter(claim -> NOT has(own, claim.2), all_claims) AS unloaded
            FROM hits
            WHERE is_view
            GROUP BY suspect
            HAVING length(unloaded) >= 5 AND length(own) < 500
        )
        ARRAY JOIN unloaded AS claim
        WHERE referrer IN seen
    ),
    loads AS (
        SELECT
            net_token AS network,
            sipHash64(page) AS referrer,
            groupUniqArray(1000)(ip_token) AS addresses,
            groupUniqArray(1441)(intDiv(at_ms, 60000)) AS minutes
        FROM hits
        WHERE is_view AND net_token IN (SELECT network FROM claims)
        GROUP BY network, referrer
    )
SELECT
    client,
    '' AS link,
    longest.1 AS value,
    fromUnixTimestamp64Milli(longest.2, 'UTC') AS began,
    fromUnixTimestamp64Milli(longest.3, 'UTC') AS ended,
    map('views', toString(longest.4)) AS evidence
FROM
(
    SELECT
        client,
        arraySort(groupArray((at, opened))) AS broken,
        arraySplit((each, gap) -> gap >= 1800000, broken, arrayDifference(arrayMap(each -> each.1, broken))) AS sittings,
        arrayReverseSort(arrayMap(
            sitting -> (length(arrayDistinct(arrayMap(each -> each.2, sitting))), sitting[1].1, sitting[-1].1, length(sitting)),
            sittings
        ))[1] AS longest
    FROM claims
    LEFT JOIN loads USING (network, referrer)
    -- The first view of a client that got a cookie is another suspect at the same address.
    WHERE NOT has(addresses, address) AND NOT arrayExists(minute -> minute BETWEEN intDiv(at, 60000) - 30 AND intDiv(at, 60000), minutes)
    GROUP BY client
)

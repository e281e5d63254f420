-- How many page views did the longest sitting of a client have? A sitting ends with half an hour without a view.
SELECT
    client,
    '' AS link,
    longest.1 AS value,
    fromUnixTimestamp64Milli(longest.2, 'UTC') AS began,
    fromUnixTimestamp64Milli(longest.3, 'UTC') AS ended,
    map('minutes', toString(intDiv(longest.3 - longest.2, 60000))) AS evidence
FROM
(
    SELECT
        any(client) AS client,
        arraySort(groupArray(1441)((first_ms, last_ms, views, pages))) AS minutes,
        arrayMap(minute -> minute.2, minutes) AS ends,
        arraySplit((minute, before) -> minute.1 - before >= 1800000, minutes, arrayPushFront(arrayPopBack(ends), ends[1])) AS sittings,
        arrayReverseSort(arrayMap(
            sitting -> (
                -- A screen that loads few pages again and again is no reader: it counts as its pages.
                if(length(arrayDistinct(arrayFlatten(arrayMap(minute -> minute.4, sitting)))) AS its_pages < 5, its_pages, arraySum(minute -> minute.3, sitting)),
                sitting[1].1,
                sitting[-1].2
            ),
            sittings
        ))[1] AS longest
    FROM
    (
        -- By the minute: at most 1,440 rows of a client, however many views it sent.
        SELECT suspect, any(client) AS client, min(at_ms) AS first_ms, max(at_ms) AS last_ms, count() AS views, groupUniqArray(5)(sipHash64(page)) AS pages
        FROM hits
        WHERE is_view
        GROUP BY suspect, intDiv(at_ms, 60000)
    )
    GROUP BY suspect
)

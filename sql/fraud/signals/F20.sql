-- How regular are the gaps between the pages of a client's longest sitting: their standard deviation, in parts of their mean?
-- A library that says its name is regular by nature, as scripts of the clinic are: that is no second proof.
SELECT
    client,
    '' AS link,
    -- Few gaps of a person look regular by chance: with this factor six have to be as rare as twenty.
    arrayReduce('stddevPop', gaps) / arrayAvg(gaps) * (1 + 16 / pow(length(gaps), 2)) AS value,
    fromUnixTimestamp64Milli(sitting[1].1, 'UTC') AS began,
    fromUnixTimestamp64Milli(sitting[-1].1, 'UTC') AS ended,
    map('gaps', toString(length(gaps)), 'mean', toString(round(arrayAvg(gaps), 1))) AS evidence
FROM
(
    SELECT
        any(client) AS client,
        groupArraySorted(2000)((at_ms, sipHash64(page))) AS views,
        arraySplit((view, gap) -> gap >= 1800000, views, arrayDifference(arrayMap(view -> view.1, views))) AS sittings,
        arraySort(each -> -length(each), sittings)[1] AS sitting,
        -- A page that loads itself again says nothing about a reader: from one page to another.
        arrayMap(pair -> (pair.2.1 - pair.1.1) / 1000, arrayFilter(pair -> pair.1.2 != pair.2.2, arrayZip(arrayPopBack(sitting), arrayPopFront(sitting)))) AS gaps
    FROM hits
    WHERE is_view AND NOT has(ivt_reasons, 'http_library') AND suspect IN (SELECT suspect FROM hits WHERE is_view GROUP BY suspect HAVING count() >= 7 AND uniqUpTo(1)(page) > 1)
    GROUP BY suspect
)
WHERE length(gaps) >= 6 AND arrayAvg(gaps) > 0

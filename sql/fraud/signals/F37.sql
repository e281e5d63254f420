-- How often did a client see one ad on one day?
SELECT
    any(client) AS client,
    '' AS link,
    -- Over 99 showings count only of who stays with one page: a person who loads an ad so often goes somewhere, too.
    if(any(read) > 2, least(max(shown), 99), max(shown)) AS value,
    min(first_shown) AS began,
    max(last_shown) AS ended,
    map('ad', argMax(toString(ad), shown), 'loads', toString(argMax(loads, shown)), 'pages', toString(argMax(pages, shown))) AS evidence
FROM
(
    SELECT
        suspect,
        ad,
        any(client) AS client,
        -- Repeats within 30 seconds count once. Steps of 30 seconds keep a steady stream visible, which gaps of 30 seconds would not.
        uniqExact(intDiv(at_ms, 30000)) AS shown,
        count() AS loads,
        uniq(page_host, page) AS pages,
        arrayPopFront(arrayDifference(arraySort(groupUniqArray(2000)(intDiv(at_ms, 1000))))) AS gaps,
        arrayReduce('quantileExact(0.5)', gaps) AS usual_gap,
        arrayCount(gap -> abs(gap - usual_gap) <= greatest(2, usual_gap / 10), gaps) >= 0.8 * length(gaps) AS is_clockwork,
        min(received_at) AS first_shown,
        max(received_at) AS last_shown
    FROM hits
    WHERE NOT is_view AND ad != ''
    GROUP BY suspect, ad
) AS showings
LEFT JOIN (SELECT suspect, count() AS views, uniq(page_host, page) AS read FROM hits WHERE is_view GROUP BY suspect) AS viewed USING (suspect)
-- A page that refreshes itself loads its ad like a clock, and itself with it.
WHERE NOT (is_clockwork AND shown > 3 AND views >= 0.8 * loads)
GROUP BY suspect

-- How many times did one address come to one page from the same foreign referrer in a day, without a cookie that came back?
-- A browser repeats the referrer when a page is loaded again: with its cookie it is a person or a screen in a waiting room.
-- A host whose clients read on, at least one of five, is a real link, and a client that read on itself is no member. Every suspect has hits of its own
-- with the referrer; of a host 500 are kept. A host such as `*.info` stands for many rare ones: of them nobody knows whether they are one.
-- A page that loads itself again like a clock is a screen whose browser keeps no cookies.
WITH
    sent AS (
        SELECT
            suspect, ip_token, toString(referrer_host) AS host, page,
            any(client) AS client, min(received_at) AS first, max(received_at) AS last, count() AS own_hits,
            arrayPopFront(arrayDifference(groupArraySorted(500)(intDiv(at_ms, 1000)))) AS gaps,
            arrayReduce('quantileExact(0.5)', gaps) AS usual_gap,
            own_hits >= 20 AND arrayCount(gap -> abs(gap - usual_gap) <= greatest(2, usual_gap / 10), gaps) >= 0.8 * length(gaps) AS is_clockwork
        FROM hits
        WHERE is_view AND referrer_kind IN ('other', 'spam') AND referrer_host != '' AND NOT startsWith(referrer_host, '*') AND cookie_state != 'returning'
        GROUP BY suspect, ip_token, host, page
    ),
    readers AS (
        SELECT suspect
        FROM hits
        WHERE is_view AND suspect IN (SELECT suspect FROM sent)
        GROUP BY suspect
        HAVING max(referrer_kind = 'internal' OR $has_old_cookie)
    ),
    real AS (
        SELECT host FROM sent GROUP BY host HAVING uniqExactIf(suspect, suspect IN readers) * 5 >= uniqExact(suspect)
    )
SELECT
    any(client) AS client,
    argMax(host, of_address) AS link,
    max(of_address) AS value,
    min(first) AS began,
    max(last) AS ended,
    map('referrer', argMax(host, of_address), 'page', argMax(toString(page), of_address)) AS evidence
FROM
(
    SELECT *, sum(own_hits) OVER (PARTITION BY ip_token, host, page) AS of_address
    FROM sent
    WHERE host NOT IN real AND NOT is_clockwork
)
WHERE suspect NOT IN readers
GROUP BY suspect
ORDER BY suspect
LIMIT 500 BY link

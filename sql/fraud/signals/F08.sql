-- Was a client sent by a referrer on the spam list (2), or by a new one of the same kind (1)?
-- An unlisted domain is of that kind when it sent at least 20 hits, at least 95 of 100 of its clients saw one page, at least 80 of 100 hits have one
-- user agent or one provider, and the site did not know it in the seven days before. A host such as `*.info` stands for many and is nobody's. Its members are the clients of one page without a cookie of an
-- earlier day: of a domain 500 are kept. The days before are read for the names of hosts alone, not through `hits`, which would sort a week of rows.
WITH
    sent AS (
        SELECT
            cutToFirstSignificantSubdomain(toString(referrer_host)) AS domain,
            suspect,
            any(client) AS client, min(received_at) AS first, max(received_at) AS last, any(ua_token) AS agent, any(asn) AS provider, count() AS sent_hits,
            max(referrer_kind = 'spam') AS is_listed,
            max($has_old_cookie) AS came_back
        FROM hits
        WHERE is_view AND referrer_kind IN ('other', 'spam') AND referrer_host != '' AND NOT startsWith(referrer_host, '*')
        GROUP BY domain, suspect
    ),
    readers AS (
        SELECT suspect FROM hits WHERE is_view AND suspect IN (SELECT suspect FROM sent) GROUP BY suspect HAVING uniqUpTo(1)(page) > 1
    ),
    fresh AS (
        SELECT domain
        FROM
        (
            SELECT
                domain, sent_hits, suspect,
                sum(sent_hits) OVER (PARTITION BY domain, agent) AS of_agent,
                sum(sent_hits) OVER (PARTITION BY domain, provider) AS of_provider
            FROM sent
            WHERE NOT is_listed AND domain != ''
        )
        GROUP BY domain
        HAVING sum(sent_hits) >= 20
            AND countIf(suspect NOT IN readers) * 100 >= count() * 95
            AND greatest(max(of_agent), max(of_provider)) * 10 >= sum(sent_hits) * 8
    ),
    known AS (
        SELECT DISTINCT cutToFirstSignificantSubdomain(toString(referrer_host)) AS domain
        FROM pixel.events
        WHERE site = {site:String} AND received_at >= {since:DateTime('UTC')} - toIntervalDay(7) AND received_at < {since:DateTime('UTC')}
            AND referrer_kind = 'other' AND domain IN fresh
    )
SELECT
    any(client) AS client,
    argMax(domain, kind) AS link,
    max(kind) AS value,
    min(first) AS began,
    max(last) AS ended,
    map('referrer', argMax(domain, kind)) AS evidence
FROM
(
    SELECT *, if(is_listed, 2, 1) AS kind
    FROM sent
    WHERE is_listed OR domain IN fresh AND domain NOT IN known AND suspect NOT IN readers AND NOT came_back
)
GROUP BY suspect
ORDER BY suspect
LIMIT 500 BY link

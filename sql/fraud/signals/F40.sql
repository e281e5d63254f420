-- From which host or provider do more people click on the site's ad blocks than elsewhere?
WITH
    -- P(X >= clicked) of so many showings; the falling side of the sum, and enough of it.
    ((clicked, showings, rate) -> least(1, arraySum(
        i -> exp(lgamma(showings + 1) - lgamma(i + 1) - lgamma(showings - i + 1) + i * log(rate) + (showings - i) * log(1 - rate)),
        range(toUInt64(clicked), toUInt64(least(toFloat64(showings), clicked + 12 * sqrt(showings * rate) + 60)) + 1)
    ))) AS binomial_tail,
    landings AS (
        SELECT suspect, client, ip_token, ua_token, received_at, intDiv(at_ms, 10000) AS step, toString(referrer_host) AS host, asn, as_org
        FROM hits
        WHERE is_view AND paid AND campaign['utm_content'] IN (SELECT toString(ad) FROM sent WHERE NOT is_view AND ad != '' GROUP BY ad)
    ),
    readers AS (
        SELECT ip_token, ua_token
        FROM sent
        WHERE is_view AND (ip_token, ua_token) IN (SELECT ip_token, ua_token FROM landings)
        GROUP BY ip_token, ua_token
        HAVING uniqExact(page_host, page) > 1
    ),
    clicks AS (
        SELECT
            suspect,
            any(client) AS client,
            arrayJoin([('site', host), ('provider', toString(asn))]) AS source,
            any(toString(as_org)) AS provider,
            uniqExact(step) AS clicked,
            max((ip_token, ua_token) IN readers) AS read_on,
            min(received_at) AS began,
            max(received_at) AS ended
        FROM landings
        WHERE source.2 NOT IN ('', '0')
        GROUP BY suspect, source
    ),
    showings AS (
        SELECT arrayJoin([('site', toString(page_host)), ('provider', toString(asn))]) AS source, count() AS shown
        FROM hits
        WHERE NOT is_view AND source.2 NOT IN ('', '0')
        GROUP BY source
    ),
    sources AS (
        SELECT source, shown, least(clicks_here, shown) AS clicked, (sum(clicked) OVER of_kind) / (sum(shown) OVER of_kind) AS rate, reading
        FROM showings
        LEFT JOIN (SELECT source, sum(clicked) AS clicks_here, avg(read_on) AS reading FROM clicks GROUP BY source) AS of_source USING (source)
        WINDOW of_kind AS (PARTITION BY source.1)
    ),
    tested AS (
        SELECT *, if(clicked > shown * rate AND rate < 0.5, binomial_tail(clicked, shown, rate), 1) AS tail
        FROM sources
        WHERE shown >= 100
    ),
    -- Benjamini and Hochberg: of many sources some stand out by chance.
    judged AS (
        SELECT *, least(1, min(tail * tests / place) OVER (ORDER BY place DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS q
        FROM (SELECT *, row_number() OVER (ORDER BY tail, source) AS place, count() OVER () AS tests FROM tested)
    )
SELECT *
FROM
(
    SELECT
        client,
        concat(source.1, ' ', source.2) AS link,
        q AS value,
        began,
        ended,
        map(
            'source', if(source.1 = 'site', source.2, provider),
            'clicks', toString(judged.clicked),
            'impressions', toString(shown),
            'rate', toString(round(100 * judged.clicked / shown, 2)),
            'usual_rate', toString(round(100 * rate, 2))
        ) AS evidence
    FROM clicks
    INNER JOIN judged USING (source)
    -- A good place for an ad brings people who read on; twice the rate is the least that is worth a word.
    WHERE reading < 0.5 AND judged.clicked >= 2 * shown * rate
    ORDER BY value, suspect
    LIMIT 500 BY link
)
ORDER BY value
LIMIT 1 BY client.suspect

-- From how many addresses did one provider or browser load login pages within five minutes?
WITH
    -- P(X >= seen) of a Poisson variable; the falling side of the sum, and enough of it.
    ((seen, expected) -> arraySum(
        i -> exp(i * log(expected) - expected - lgamma(i + 1)), range(toUInt64(seen), toUInt64(seen + 12 * sqrt(expected) + 60))
    )) AS poisson_tail,
    tries AS (
        SELECT
            suspect,
            any(client) AS client,
            ip_token,
            asn,
            any(toString(as_org)) AS provider,
            concat(toString(browser), ' ', toString(browser_major), ' ', toString(os)) AS agent,
            intDiv(at_ms, 60000) AS minute,
            min(received_at) AS began,
            max(received_at) AS ended
        FROM sent
        -- A person who came back with the cookie of another day is known: staff at the start of a shift.
        WHERE is_view AND page_role = 'login' AND NOT $has_old_cookie
        GROUP BY suspect, ip_token, asn, agent, minute
    ),
    placed AS (
        SELECT *, arrayJoin([concat('AS', toString(asn)), concat('browser ', agent)]) AS source FROM tries WHERE source != 'AS0'
    ),
    sources AS (
        SELECT source, count() AS of_day FROM placed GROUP BY source HAVING uniqUpTo(9)(ip_token) > 9
    ),
    -- Five minutes begin with each minute: of a fixed grid an attack over a border would be two of half the size.
    windows AS (
        SELECT source, arrayJoin(range(minute - 4, minute + 1)) AS first_minute, uniqExact(ip_token) AS addresses, count() AS of_window
        FROM placed
        WHERE source IN (SELECT source FROM sources)
        GROUP BY source, first_minute
        HAVING addresses >= 10
    ),
    of_all AS (
        SELECT arrayJoin(range(minute - 4, minute + 1)) AS first_minute, uniqExact(ip_token) AS all_addresses
        FROM tries
        GROUP BY first_minute
        HAVING first_minute IN (SELECT first_minute FROM windows)
    ),
    -- Expected is what the source has in the other five minutes of the day, or what the others have in the same five.
    judged AS (
        SELECT
            source,
            first_minute,
            addresses,
            greatest(
                (of_day - of_window + 1) / greatest(1, dateDiff('second', {since:DateTime('UTC')}, {until:DateTime('UTC')}) / 300),
                toFloat64(all_addresses) - addresses
            ) AS expected
        FROM windows
        INNER JOIN sources USING (source)
        INNER JOIN of_all USING (first_minute)
    ),
    attacks AS (
        SELECT source, first_minute, addresses, expected
        FROM judged
        WHERE addresses > expected AND poisson_tail(addresses, expected) < 0.0001
    )
SELECT *
FROM
(
    SELECT
        any(client) AS client,
        source AS link,
        max(addresses) AS value,
        min(began) AS began,
        max(ended) AS ended,
        map(
            'expected', toString(round(argMax(expected, addresses), 1)),
            'source', if(startsWith(source, 'AS'), any(provider), substring(source, 9))
        ) AS evidence
    FROM (SELECT *, arrayJoin(range(minute - 4, minute + 1)) AS first_minute FROM placed WHERE source IN (SELECT source FROM attacks)) AS its_tries
    INNER JOIN attacks USING (source, first_minute)
    GROUP BY suspect, source
    ORDER BY value DESC, suspect
    LIMIT 500 BY link
)
ORDER BY value DESC, link
LIMIT 1 BY client.suspect

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
            intDiv(at_ms, 300000) AS slot,
            min(received_at) AS began,
            max(received_at) AS ended
        FROM sent
        -- A person who came back with the cookie of another day is known: staff at the start of a shift.
        WHERE is_view AND page_role = 'login' AND NOT $has_old_cookie
        GROUP BY suspect, ip_token, asn, agent, slot
    ),
    placed AS (
        SELECT *, arrayJoin([concat('AS', toString(asn)), concat('browser ', agent)]) AS source FROM tries WHERE source != 'AS0'
    ),
    -- Expected is what the source has in the other five minutes of the day, or what the others have in the same five.
    judged AS (
        SELECT
            source,
            slot,
            addresses,
            greatest(
                (sum(addresses) OVER (PARTITION BY source) - addresses + 1)
                / greatest(1, dateDiff('second', {since:DateTime('UTC')}, {until:DateTime('UTC')}) / 300),
                toFloat64(all_addresses) - addresses
            ) AS expected
        FROM (SELECT source, slot, uniqExact(ip_token) AS addresses FROM placed GROUP BY source, slot) AS of_source
        INNER JOIN (SELECT slot, uniqExact(ip_token) AS all_addresses FROM tries GROUP BY slot) AS of_slot USING (slot)
    ),
    attacks AS (
        SELECT source, slot, addresses, expected
        FROM judged
        WHERE addresses >= 10 AND addresses > expected AND poisson_tail(addresses, expected) < 0.0001
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
    FROM placed
    INNER JOIN attacks USING (source, slot)
    GROUP BY suspect, source
    ORDER BY value DESC, suspect
    LIMIT 500 BY link
)
ORDER BY value DESC, link
LIMIT 1 BY client.suspect

-- How many times did one cookie change its country within two hours?
-- Only addresses that are no known exit of others count: a VPN, a relay or a phone abroad changes countries without moving. Two countries of one
-- provider are a guess of the address list. Only cookies of several countries are looked at.
WITH
    travelled AS (
        SELECT suspect
        FROM hits
        WHERE visitor_kind = 'cookie' AND net_class = 'other' AND country != ''
        GROUP BY suspect
        HAVING uniqUpTo(1)(country) > 1 AND uniqUpTo(1)(asn) > 1
    )
SELECT
    any(client) AS client,
    '' AS link,
    countIf(is_jump) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map(
        'countries', arrayStringConcat(arraySort(groupUniqArray(5)(toString(country))), ', '),
        'minutes', toString(minIf(intDiv(at_ms - before_ms, 60000), is_jump))
    ) AS evidence
FROM
(
    SELECT
        *,
        lagInFrame(at_ms) OVER its_hits AS before_ms,
        before_ms != 0 AND country != lagInFrame(country) OVER its_hits AND asn != lagInFrame(asn) OVER its_hits AND at_ms - before_ms < 7200000 AS is_jump
    FROM (SELECT suspect, client, received_at, event_id, at_ms, toString(country) AS country, asn FROM hits WHERE visitor_kind = 'cookie' AND net_class = 'other' AND country != '' AND suspect IN travelled)
    WINDOW its_hits AS (PARTITION BY suspect ORDER BY at_ms, event_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
GROUP BY suspect

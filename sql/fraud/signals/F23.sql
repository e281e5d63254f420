-- In how many hours of the day did a client load pages?
-- A library that says its name is regular by nature, as scripts of the clinic are: that is no second proof.
WITH
    -- Many agents behind one address are many people.
    single AS (
        SELECT ip_token FROM hits GROUP BY ip_token HAVING uniqUpTo(1)(ua_token) = 1
    )
SELECT
    any(client) AS client,
    '' AS link,
    uniqExact(toHour(received_at)) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('views', toString(count())) AS evidence
FROM hits
WHERE is_view AND NOT has(ivt_reasons, 'http_library') AND (visitor_kind = 'cookie' OR ip_token IN single)
GROUP BY suspect

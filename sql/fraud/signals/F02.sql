-- How many hits had no user agent, or one that is of no browser and no known app?
SELECT
    any(client) AS client,
    '' AS link,
    countIf(is_odd) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('agent', if(anyIf(ua_raw, is_odd) = '', '-', left(anyIf(ua_raw, is_odd), 100))) AS evidence
FROM (SELECT *, robot = '' AND hasAny(ivt_reasons, ['empty_agent', 'odd_agent']) AS is_odd FROM hits)
GROUP BY suspect

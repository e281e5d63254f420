-- How many hits named a programming library?
SELECT
    any(client) AS client,
    '' AS link,
    countIf(is_library) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('name', anyIf(toString(robot), is_library)) AS evidence
FROM (SELECT *, has(ivt_reasons, 'http_library') AS is_library FROM hits)
GROUP BY suspect

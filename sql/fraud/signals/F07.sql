-- How many hits named a browser that a program controls?
SELECT
    any(client) AS client,
    '' AS link,
    countIf(is_controlled) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('name', anyIf(toString(robot), is_controlled)) AS evidence
FROM (SELECT *, has(ivt_reasons, 'automation_token') AS is_controlled FROM hits)
GROUP BY suspect

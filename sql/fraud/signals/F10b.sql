-- How many hits of a browser that always sends client hints over https had none? One with hints clears the others.
SELECT
    any(client) AS client,
    '' AS link,
    if(missing = count(), missing, 0) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('browser', concat(any(toString(browser)), ' ', toString(any(browser_major)))) AS evidence,
    countIf(hints = 'missing') AS missing
FROM hits
WHERE robot = ''
GROUP BY suspect

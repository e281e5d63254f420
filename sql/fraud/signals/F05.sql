-- Did a browser come from a data centre?
SELECT any(client) AS client, '' AS link, 1 AS value, min(received_at) AS began, max(received_at) AS ended, map('network', any(toString(as_org))) AS evidence
FROM hits
WHERE net_class = 'datacenter' AND robot = ''
GROUP BY suspect

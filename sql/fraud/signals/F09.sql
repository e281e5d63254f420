-- How many major versions is a client's browser behind the newest one of its family?
-- The newest is one that at least 20 clients and 1 of 100 of the family have: a few invented versions make nobody old.
WITH
    clients AS (
        SELECT
            any(client) AS client, min(received_at) AS began, max(received_at) AS ended,
            argMax(toString(browser), browser_major) AS family, max(browser_major) AS major
        FROM hits
        WHERE robot = ''
        GROUP BY suspect
    ),
    newest AS (
        SELECT family, maxIf(major, clients >= 20 AND clients * 100 >= in_family) AS newest_major
        FROM (SELECT family, major, count() AS clients, sum(count()) OVER (PARTITION BY family) AS in_family FROM clients GROUP BY family, major)
        GROUP BY family
    )
SELECT
    client,
    '' AS link,
    if(major = 0, 0, greatest(0, toInt32(newest_major) - toInt32(major))) AS value,
    began,
    ended,
    map('browser', concat(family, ' ', toString(major)), 'newest', toString(newest_major)) AS evidence
FROM clients
INNER JOIN newest USING (family)

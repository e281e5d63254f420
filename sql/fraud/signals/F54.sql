-- How many different pages did the clients of one address load in an hour, without following one link?
WITH
    -- First the addresses, then only their clients: a set of pages for each client takes ten times the memory.
    broad AS (
        SELECT ip_token, toStartOfHour(received_at) AS hour, uniq(page) AS pages, uniq(suspect) AS clients
        FROM hits
        WHERE is_view
        GROUP BY ip_token, hour
        HAVING countIf(referrer_kind = 'internal') = 0 AND pages >= 20
    ),
    -- Who shares the address and loads a few pages is not the one that is meant.
    members AS (
        SELECT any(client) AS its_client, suspect, ip_token, toStartOfHour(received_at) AS hour, min(received_at) AS first_at, max(received_at) AS last_at
        FROM hits
        WHERE is_view AND ip_token IN (SELECT ip_token FROM broad)
        GROUP BY suspect, ip_token, hour
        HAVING count() >= 20
    )
SELECT
    any(its_client) AS client,
    '' AS link,
    max(pages) AS value,
    min(first_at) AS began,
    max(last_at) AS ended,
    map('clients', toString(argMax(clients, pages))) AS evidence
FROM members
INNER JOIN broad USING (ip_token, hour)
GROUP BY suspect

-- How often did a client open the trap page, which no person sees a link to?
WITH
    trapped AS (
        SELECT ip_token, min(at_ms) AS first_ms FROM hits WHERE is_view AND page_role = 'trap' GROUP BY ip_token
    ),
    -- Who sends somebody the address of the trap makes no robot of them: the client must have seen another page before.
    readers AS (
        SELECT ip_token
        FROM hits
        INNER JOIN trapped USING (ip_token)
        WHERE is_view AND page_role != 'trap' AND at_ms < first_ms
        GROUP BY ip_token
    )
SELECT any(client) AS client, '' AS link, count() AS value, min(received_at) AS began, max(received_at) AS ended, map('page', any(toString(page))) AS evidence
FROM hits
-- A foreign page can make a person's browser send this.
WHERE is_view AND page_role = 'trap' AND NOT $may_be_foreign AND (referrer_kind = 'internal' OR referrer_kind = 'none' AND ip_token IN readers)
GROUP BY suspect

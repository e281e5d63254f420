-- How many different pages did one address load in an hour with at least five browsers, none of which kept a cookie or followed a link?
-- One cookie that came back, or one link of the site that was followed, and there are people behind the address.
WITH
    read AS (
        SELECT ip_token, toStartOfHour(received_at) AS hour, uniq(page) AS pages, uniq(ua_token) AS agents
        FROM hits
        WHERE is_view AND net_class NOT IN ('mobile', 'relay')
            AND ip_token IN (SELECT ip_token FROM hits WHERE is_view GROUP BY ip_token HAVING uniqUpTo(5)(ua_token) >= 5 AND uniqUpTo(20)(page) >= 20)
        GROUP BY ip_token, hour
        HAVING agents >= 5 AND countIf(cookie_state = 'returning' OR referrer_kind = 'internal') = 0
            -- Where cookies are refused or not set, none that comes back says nothing.
            AND countIf($has_new_cookie) * 10 >= count() * 9
    )
SELECT
    any(client) AS client,
    lower(hex(sipHash64('address', epoch, ip_token))) AS link,
    max(pages) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('agents', toString(argMax(agents, pages))) AS evidence
FROM (SELECT *, toStartOfHour(received_at) AS hour FROM hits WHERE is_view AND ip_token IN (SELECT ip_token FROM read)) AS its_hits
INNER JOIN read USING (ip_token, hour)
GROUP BY suspect, epoch, ip_token
ORDER BY value DESC, suspect
LIMIT 500 BY link

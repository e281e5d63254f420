-- In how many networks did one user agent of a day ask for errors, or for pages from a page of ours that its client never loaded?
-- It takes ten networks, at most 5 of 100 clients with a cookie that came back, and 80 of 100 page views of that kind, on three pages at least: a dead
-- link in a message is one page. Members are the clients that have such a view themselves: of an agent 500 are kept. Of a client 100 views count.
WITH
    spread AS (
        SELECT ua_token
        FROM hits
        WHERE is_view
        GROUP BY ua_token
        HAVING uniqUpTo(10)(net_token) >= 10 AND uniqIf(suspect, cookie_state = 'returning') * 20 <= uniq(suspect)
    ),
    clients AS (
        SELECT
            suspect, ua_token,
            any(client) AS client, min(received_at) AS first, max(received_at) AS last,
            any(net_token) AS network,
            trimBoth(concat(any(toString(browser)), ' ', toString(any(browser_major)), ', ', any(toString(os)))) AS agent,
            groupUniqArray(200)(toString(page)) AS loaded,
            groupArray(100)((toString(page), status >= 400 OR referrer_kind = 'internal', status >= 400, toString(referrer_page))) AS views,
            arrayFilter(view -> view.3 OR view.2 AND view.4 != '' AND NOT has(loaded, view.4), views) AS bad,
            max($has_old_cookie) AS came_back
        FROM hits
        WHERE is_view AND ua_token IN spread
        GROUP BY suspect, ua_token
    ),
    agents AS (
        SELECT ua_token, uniqExact(network) AS networks, sum(length(bad)) AS bad_views, sum(length(views)) AS all_views
        FROM clients
        GROUP BY ua_token
        HAVING networks >= 10 AND bad_views * 5 >= all_views * 4 AND uniqUpToArray(3)(arrayMap(view -> view.1, bad)) >= 3
    )
SELECT
    any(client) AS client,
    argMax(agent, networks) AS link,
    max(networks) AS value,
    min(first) AS began,
    max(last) AS ended,
    map(
        'agent', argMax(agent, networks),
        'networks', toString(max(networks)),
        'share', toString(toUInt8(argMax(100 * bad_views / all_views, networks)))
    ) AS evidence
FROM clients
INNER JOIN agents USING (ua_token)
WHERE notEmpty(bad) AND NOT came_back
GROUP BY suspect
ORDER BY suspect
LIMIT 500 BY link

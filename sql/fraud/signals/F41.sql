-- How many visitors landed with the same click id?
WITH
    -- Few page views have one, so 30 days cost little. Repeated deliveries do no harm: each visitor counts once.
    landings AS (
        SELECT suspect, client, click_token, click_kind, received_at, at_ms, epoch, ip_token, ua_token, net_token, asn, visitor_kind = 'cookie' AS has_cookie
        FROM sent
        WHERE click_token != 0 AND is_view
    ),
    by_day AS (
        SELECT
            click_token,
            epoch,
            uniqExactIf(suspect, has_cookie) AS cookies,
            uniqExactIfState(suspect, has_cookie) AS all_cookies,
            -- The first hit of a new visitor has no cookie yet: a cookie of the day may be the same person.
            greatest(cookies, uniqExact(suspect) - cookies) AS visitors,
            uniqExact(net_token) AS networks,
            groupUniqArray(20)(asn) AS providers,
            min(at_ms) AS first_ms,
            max(at_ms) AS last_ms
        FROM landings
        GROUP BY click_token, epoch
    ),
    reused AS (
        SELECT
            click_token,
            uniqExactIfMerge(all_cookies) AS people,
            greatest(max(visitors), people) AS landed,
            -- Tokens of networks live one day; a provider is the same on every day.
            greatest(max(networks), if(people > 1, length(arrayFilter(each -> each != 0, arrayDistinct(groupArrayArray(providers)))), 0)) AS most_networks,
            uniqExact(epoch) AS days,
            min(first_ms) AS began_ms
        FROM by_day
        GROUP BY click_token
        HAVING landed >= 2 AND (most_networks >= 2 OR landed > 3) AND max(last_ms) >= began_ms + 600000
    ),
    -- A first hit has no cookie yet, so a person is a browser at an address here.
    readers AS (
        SELECT epoch, ip_token, ua_token
        FROM sent
        WHERE is_view AND received_at >= toStartOfDay({until:DateTime('UTC')} - toIntervalSecond(1))
            AND ip_token IN (SELECT ip_token FROM landings WHERE click_token IN (SELECT click_token FROM reused))
        GROUP BY epoch, ip_token, ua_token
        HAVING uniqUpTo(2)(page_host, page) > 1 OR countIf(page_role IN ('form', 'done', 'login', 'reset')) > 0
    )
SELECT *
FROM
(
    SELECT
        argMax(client, received_at) AS client,
        lower(hex(sipHash64('click', click_token))) AS link,
        any(landed) AS value,
        min(received_at) AS began,
        max(received_at) AS ended,
        map('networks', toString(any(most_networks)), 'days', toString(any(days)), 'click_kind', any(toString(click_kind))) AS evidence
    FROM landings
    INNER JOIN reused USING (click_token)
    -- Whoever clicked is no member, and nobody who read on after a link that was shared: those who came with the click later for one page are.
    WHERE at_ms >= began_ms + 600000 AND (epoch, ip_token, ua_token) NOT IN readers
    GROUP BY suspect, click_token
    ORDER BY value DESC, ended DESC, suspect
    LIMIT 500 BY link
)
ORDER BY value DESC, ended DESC
LIMIT 1 BY client.suspect

-- The facts of each suspect that a run found: what it touched, from where, and how many people share its address.
-- `found` are the suspects of the run. `people_here` are the people of its fullest address on that day, `people_there` is the median of its
-- provider's addresses: a signal of an address says little about one of many who share it. A cookie that came back for one hit alone
-- is no person of an address: programs that change their cookies would hide each other.
-- `is_person` is a proof that needs no verdict: it came back with a cookie of another day, or booked at a human pace.
-- `cookie_age` is `day` for a cookie of the same day, too: every program that keeps cookies has it from its second hit on.
-- `foreign` tells how many of its hits a foreign page may have made in a person's browser: none, some or all. `has_cookie_beside` tells that the same
-- browser at the same address came back with a cookie, and the suspect has none: its hits may be those of a foreign page, to which a
-- browser gives no cookie, or of another client there, and must not accuse the person. `is_alone` tells that nobody else was in its networks, but for
-- a few hits, such as its own first one without a cookie.
WITH
    $frame,
    found AS (
        SELECT suspect FROM pixel.fraud_signals
        WHERE site = {site:String} AND window_start = {since:DateTime('UTC')} AND computed_at = {run:DateTime64(3, 'UTC')}
    ),
    addresses AS (
        SELECT ip_token, any(asn_of_cookie) AS its_asn, countIf(cookie != 0 AND (of_cookie >= 2 OR is_old)) AS people
        FROM
        (
            SELECT ip_token, if(cookie_state = 'returning', visitor, 0) AS cookie, any(asn) AS asn_of_cookie, count() AS of_cookie, max($has_old_cookie) AS is_old
            FROM hits
            GROUP BY ip_token, cookie
        )
        GROUP BY ip_token
    ),
    providers AS (
        SELECT its_asn, quantileExactIf(0.5)(people, people > 0) AS median_people FROM addresses GROUP BY its_asn
    ),
    networks_of_day AS (
        SELECT net_token, count() AS of_network FROM hits GROUP BY net_token
    ),
    browsers AS (
        SELECT DISTINCT ip_token, ua_token
        FROM hits
        WHERE suspect IN found AND visitor_kind != 'cookie'
    ),
    -- A cookie that itself tried an attack is no person beside one.
    people_of_browsers AS (
        SELECT ip_token, ua_token
        FROM (
            SELECT ip_token, ua_token, suspect
            FROM hits
            WHERE visitor_kind = 'cookie' AND (ip_token, ua_token) IN browsers
            GROUP BY ip_token, ua_token, suspect
            HAVING NOT max($is_attack)
        )
        GROUP BY ip_token, ua_token
    )
SELECT
    suspect,
    any(client) AS client,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    countIf(is_view) AS views,
    countIf(NOT is_view) AS impressions,
    sumMapIf(map(toString(click_kind), toUInt64(1)), is_view AND paid) AS paid_clicks,
    arraySort(groupUniqArrayIf(toString(page_role), page_role IN ('form', 'done', 'login', 'reset'))) AS roles,
    trimBoth(concat(any(toString(browser)), if(any(browser_major) = 0, '', concat(' ', toString(any(browser_major)))), if(any(os) = '', '', concat(', ', any(toString(os)))))) AS program,
    any(asn) AS any_asn,
    any(toString(as_org)) AS org,
    any(toString(country)) AS any_country,
    any(toString(net_class)) AS any_class,
    groupUniqArray(20)(net_token) AS networks,
    groupUniqArray(20)(ip_token) AS its_addresses,
    max(people) AS people_here,
    max(median_people) AS people_there,
    max($has_old_cookie) OR countIf(page_role = 'done') BETWEEN 1 AND 2 AND count() >= 3 AND max(at_ms) - min(at_ms) >= 30000 AS is_person,
    multiIf(NOT max($may_be_foreign), 'none', min($may_be_foreign), 'all', 'some') AS foreign_hits,
    max(visitor_kind != 'cookie' AND (ip_token, ua_token) IN people_of_browsers) AS has_cookie_beside,
    arraySum(network -> network.2, groupUniqArray(1000)((net_token, of_network))) <= count() + 3 AS is_alone
FROM hits
INNER JOIN addresses USING (ip_token)
INNER JOIN networks_of_day USING (net_token)
LEFT JOIN providers ON hits.asn = providers.its_asn
WHERE suspect IN found
GROUP BY suspect

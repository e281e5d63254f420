-- The hits of a site from `since` up to `until` that may be judged; the worker copies them into pixel.fraud_hits, which every signal reads.
--   run         the scoring whose copy it is.
--   suspect     the client: its cookie; without one the day's visitor of its address and browser; without that, the tokens of both. A first
--               hit without a cookie is a suspect of its own: another client behind the same address may have sent it.
--   at_ms       Unix time in milliseconds.
--   is_view     a page view; views of ad blocks are the other rows.
--   is_repeat   a delivery within ten minutes after another one of the same event.
-- Of one client in an hour the first `most` are given, or one client could make every signal fail.
-- Left out are the clinic's own networks, its own checks, rows without tokens (sensitive pages), and robots that say who they are: they
-- are known, not suspected. A robot with a false name, a controlled browser, a library or a scanner is judged. A program that proved its
-- name with a signature never is, whatever drives it: it may book for a patient, as fast as programs are.
WITH
    received AS (
        SELECT * FROM pixel.events
        WHERE site = {site:String} AND received_at >= {since:DateTime('UTC')} - $repeat_reach AND received_at < {until:DateTime('UTC')}
    ),
    $once,
    -- The clients of an hour with more hits than may be copied, and the hits of theirs that may be: the first.
    crowded AS (
        SELECT $suspect AS who, toStartOfHour(received_at) AS hour
        FROM received
        WHERE received_at >= {since:DateTime('UTC')} AND $may_be_judged
        GROUP BY who, hour
        HAVING count() > {most:UInt64}
    ),
    first_ones AS (
        SELECT event_id
        FROM received
        WHERE received_at >= {since:DateTime('UTC')} AND $may_be_judged AND ($suspect, toStartOfHour(received_at)) IN crowded
        ORDER BY received_at, event_id
        LIMIT {most:UInt64} BY $suspect, toStartOfHour(received_at)
    )
SELECT
    site,
    {run:DateTime64(3, 'UTC')} AS run,
    $suspect AS suspect,
    toUnixTimestamp64Milli(received_at) AS at_ms,
    kind = 'pageview' AS is_view,
    event_id IN repeats AS is_repeat,
    event_id, received_at, visitor, visitor_kind, cookie_state, cookie_age, cookies, epoch, ip_token, net_token, ip_version,
    country, asn, as_org, net_class, browser, browser_major, os, robot, hints, hints_detail, fetch, ua_token, ua_raw, kind,
    page_host, page, page_flags, page_role, status, campaign, paid, click_token, click_kind, ad, referrer_host, referrer_page,
    referrer_kind, nonce, ivt_reasons, attack
FROM received
WHERE received_at >= {since:DateTime('UTC')} AND $may_be_judged
    AND (($suspect, toStartOfHour(received_at)) NOT IN crowded OR event_id IN first_ones)

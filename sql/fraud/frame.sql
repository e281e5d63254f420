-- What every signal reads: `hits`, the rows of a site from `since` up to `until` that may be judged, each event once, with
--   suspect     the client: its cookie; without one the day's visitor of its address and browser; without that, the tokens of both. A first
--               hit without a cookie is a suspect of its own: another client behind the same address may have sent it.
--   client      the suspect with its visitor, token and day, for `any(client)` of each row of a signal.
--   at_ms       Unix time in milliseconds.
--   is_view     a page view; views of ad blocks are the other rows.
-- Left out are the clinic's own networks, its own checks, rows without tokens (sensitive pages), and robots that say who they are: they
-- are known, not suspected. A robot with a false name, a controlled browser, a library or a scanner is judged. A program that proved its
-- name with a signature never is, whatever drives it: it may book for a patient, as fast as programs are.
-- `sent` has repeated deliveries, too: a signal that reads few rows of many days takes it, or every nonce of these days would be sorted; and so
-- does what only asks whether there is a row.
    received AS (
        SELECT * FROM pixel.events
        WHERE site = {site:String} AND received_at >= {since:DateTime('UTC')} - $repeat_reach AND received_at < {until:DateTime('UTC')}
    ),
    $once,
    sent AS (
        SELECT
            *,
            if(visitor != 0, visitor, sipHash64(epoch, ip_token, ua_token)) AS suspect,
            (suspect, visitor, ip_token, epoch)::Tuple(suspect UInt64, visitor UInt64, ip_token IPv6, epoch Date) AS client,
            toUnixTimestamp64Milli(received_at) AS at_ms,
            kind = 'pageview' AS is_view
        FROM received
        WHERE received_at >= {since:DateTime('UTC')}
            AND ip_token != toIPv6('::')
            AND net_class NOT IN ('own', 'crawler')
            AND NOT startsWith(robot, 'monitor:')
            AND agent_signed != 'verified'
            AND (robot = '' OR hasAny(ivt_reasons, ['automation_token', 'http_library', 'false_crawler', 'robot_scanner']))
    ),
    hits AS (
        SELECT * FROM sent WHERE $is_first
    ),

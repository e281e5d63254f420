-- The paid landings of a case, by its number of today, each once: time, ad network, sealed click id, campaign and page, and nothing about the client.
-- A claim for a refund reads it with the rights of the worker, so that nobody needs a right on the rows of events.
-- `is_unclear` marks the landings of a suspect that is unclear by itself, in a case with clearer ones: it may be a person who shares something with them.
-- So may one that landed without a cookie where a browser of the same address and kind, which is not in the case, came back with one: the first hit
-- of a patient who came by an ad has no cookie yet, and an attacker behind the same address has the same suspect.
-- A click id is gone when its term is over, also where the job that clears the column has not run yet.
WITH
    received AS (
        SELECT * FROM pixel.events
        WHERE site = {site:String} AND click_kind != '' AND received_at >= {since:DateTime('UTC')} - $repeat_reach AND received_at < {until:DateTime('UTC')}
    ),
    $once,
    $long_frame,
    hits AS (
        SELECT * FROM sent WHERE $is_first
    ),
    $members,
    of_case AS (
        SELECT day AS of_day, suspect, band FROM members WHERE site = {site:String} AND case = {case:String}
    ),
    beside AS (
        SELECT DISTINCT epoch, ip_token, ua_token FROM sent
        WHERE visitor_kind = 'cookie' AND (toDate(received_at, 'UTC'), suspect) NOT IN (SELECT of_day, suspect FROM of_case)
    )
SELECT
    received_at AS at,
    click_kind,
    if(toDate(received_at, 'UTC') < toDate(now('UTC')) - $sealed_days, '', click_sealed) AS sealed,
    campaign,
    page,
    (toDate(received_at, 'UTC'), suspect) IN (SELECT of_day, suspect FROM of_case WHERE band = 'unclear')
        AND (SELECT countIf(band != 'unclear') FROM of_case) > 0
        OR visitor_kind != 'cookie' AND (epoch, ip_token, ua_token) IN beside AS is_unclear
FROM hits
WHERE is_view AND click_kind != '' AND (toDate(received_at, 'UTC'), suspect) IN (SELECT of_day, suspect FROM of_case)
ORDER BY at, sealed

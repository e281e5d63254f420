-- How many ad views and paid landings are left when invalid traffic is taken off?
WITH
    $members,
    received AS (
        SELECT * FROM pixel.events
        WHERE received_at >= toDateTime(today() - 27, 'UTC') AND (kind = 'impression' OR (kind = 'pageview' AND paid))
    ),
    $once,
    guilty AS (
        SELECT site, day, suspect FROM members INNER JOIN states USING (case) WHERE states.state = 'confirmed'
    ),
    counted AS (
        SELECT
            site,
            toDate(received_at, 'UTC') AS day,
            kind = 'impression' AS is_impression,
            net_class = 'own' OR startsWith(robot, 'monitor:') AS is_own,
            robot != '' OR hasAny(ivt_reasons, ['automation_token', 'http_library', 'false_crawler', 'datacenter', 'referrer_spam']) AS is_givt,
            is_givt OR (site, day, if(visitor != 0, visitor, sipHash64(epoch, ip_token, ua_token))) IN guilty AS is_invalid
        FROM received
        WHERE $is_first
    )
SELECT
    site,
    day,
    countIf(is_impression AND NOT is_own) AS impressions,
    countIf(is_impression AND NOT is_own AND NOT is_givt) AS impressions_without_givt,
    countIf(is_impression AND NOT is_own AND NOT is_invalid) AS impressions_valid,
    countIf(NOT is_impression AND NOT is_own) AS paid_landings,
    countIf(NOT is_impression AND NOT is_own AND NOT is_givt) AS paid_landings_without_givt,
    countIf(NOT is_impression AND NOT is_own AND NOT is_invalid) AS paid_landings_valid,
    countIf(is_impression AND is_own) AS own_impressions,
    countIf(NOT is_impression AND is_own) AS own_paid_landings
FROM counted
GROUP BY site, day
ORDER BY site, day DESC

-- question_ru = "Сколько показов рекламы и оплаченных переходов остаётся без недействительного трафика?"
--
-- [columns]
-- site = ["String", "site of the settings"]
-- day = ["Date", "UTC day, one of the last 28"]
-- impressions = ["UInt64", "gross: views of ad blocks, without own ones"]
-- impressions_without_givt = ["UInt64", "net of general invalid traffic: robots that say so, programs, data centres, referrer spam"]
-- impressions_valid = ["UInt64", "net also of the suspects of confirmed cases (sophisticated invalid traffic)"]
-- paid_landings = ["UInt64", "gross: page views with the mark of a paid click, without own ones"]
-- paid_landings_without_givt = ["UInt64", "net of general invalid traffic"]
-- paid_landings_valid = ["UInt64", "net also of the suspects of confirmed cases"]
-- own_impressions = ["UInt64", "apart: from the clinic's own networks and checks"]
-- own_paid_landings = ["UInt64", "apart: from the clinic's own networks and checks"]

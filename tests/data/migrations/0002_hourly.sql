-- The worker counts, so it has a purpose of its own: this database holds the one view that it reads.
CREATE DATABASE IF NOT EXISTS rollup;

-- The roll-up of one UTC day: its closed hours as numbers, without anybody's token. The worker may read this view and
-- write pixel.hourly, but holds no right on the events; the definer's row policy hides blocked people.
--   A person is the visitor; a first hit, which cannot have a cookie yet, belongs to the cookie that the same address and
--   agent bring on that day (as in sql/views/suppressed.sql). Without visitor nobody is counted.
--   What was counted before and is no more (erased, blocked) comes as zeros, so that its old row is replaced.
CREATE OR REPLACE VIEW rollup.hourly_counts DEFINER = pixel_viewer SQL SECURITY DEFINER AS
WITH
    toDateTime({day:Date}, 'UTC') AS first_hour,
    least(first_hour + INTERVAL 1 DAY, toStartOfHour(now('UTC'))) AS end_hour,
    cookies AS (
        SELECT site, ip_token, ua_token, min(visitor) AS cookie
        FROM pixel.events
        WHERE received_at >= first_hour AND received_at < end_hour AND visitor_kind = 'cookie'
        GROUP BY site, ip_token, ua_token
    ),
    hits AS (
        SELECT
            toStartOfHour(toDateTime(received_at, 'UTC')) AS hour,
            toString(site) AS site,
            -- The first part of the path, or the name of the sensitive group.
            if(position(page, '/~') > 0, toString(page), extract(toString(page), '^/[^/]*')) AS page_group,
            toString(browser) AS browser,
            toString(os) AS os,
            toString(device) AS device,
            toString(country) AS country,
            asn,
            toString(mode) AS mode,
            robot != '' AS robot,
            kind,
            if(visitor_kind = 'day' AND cookie_state = 'new' AND cookie != 0, cookie, visitor) AS person
        FROM pixel.events AS all_events
        LEFT ANY JOIN cookies USING (site, ip_token, ua_token)
        WHERE received_at >= first_hour AND received_at < end_hour
    ),
    counted AS (
        SELECT
            hour,
            site,
            multiIf(
                grouping(page_group) = 0, 'page_group',
                grouping(browser) = 0, 'browser',
                grouping(os) = 0, 'os',
                grouping(device) = 0, 'device',
                grouping(asn) = 0, 'asn',
                grouping(country) = 0, 'country',
                grouping(mode) = 0, 'mode',
                'total'
            ) AS grouped_by,
            page_group, browser, os, device, country, asn, mode, robot,
            countIf(kind = 'pageview') AS pageviews,
            countIf(kind = 'impression') AS impressions,
            uniqExactIf(person, person != 0) AS visitors
        FROM hits
        GROUP BY GROUPING SETS (
            (hour, site, robot),
            (hour, site, robot, page_group),
            (hour, site, robot, browser),
            (hour, site, robot, os),
            (hour, site, robot, device),
            (hour, site, robot, country),
            (hour, site, robot, country, asn),
            (hour, site, robot, mode)
        )
        UNION ALL
        SELECT hour, site, grouping, page_group, browser, os, device, country, asn, mode, robot, 0, 0, 0
        FROM pixel.hourly FINAL
        WHERE hour >= first_hour AND hour < end_hour
    )
SELECT
    hour, site, grouped_by, page_group, browser, os, device, country, asn, mode, robot,
    sum(pageviews) AS pageviews, sum(impressions) AS impressions, sum(visitors) AS visitors
FROM counted
GROUP BY hour, site, grouped_by, page_group, browser, os, device, country, asn, mode, robot;

-- The roll-up of one UTC day: its closed hours as numbers, without any token. The worker may read this view and write
-- pixel.hourly; of the events it can read batch_id only. The row policy of the view's definer hides blocked people.
-- Robots are counted apart from people; rows without a person (people.sql) are counted in hits only. Hours that were counted
-- before and are empty now (erased, blocked) get zeros, so that the old row is replaced.
WITH
    toDateTime({day:Date}, 'UTC') AS first_hour,
    least(first_hour + INTERVAL 1 DAY, toStartOfHour(now('UTC'))) AS end_hour,
    received AS (
        SELECT * FROM pixel.events WHERE received_at >= first_hour - $repeat_reach AND received_at < end_hour
    ),
    $once,
    stored AS (
        SELECT * FROM received WHERE received_at >= first_hour AND $is_first
    ),
    $people,
    hits AS (
        SELECT
            toStartOfHour(toDateTime(received_at, 'UTC')) AS hour,
            toString(site) AS site,
            $page_group AS page_group,
            toString(browser) AS browser,
            toString(os) AS os,
            toString(device) AS device,
            toString(country) AS country,
            asn,
            toString(mode) AS mode,
            robot != '' AS robot,
            kind,
            person
        FROM persons
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
GROUP BY hour, site, grouped_by, page_group, browser, os, device, country, asn, mode, robot

-- How many clients of each country, browser and network were there on a day of a site, and on the 28 days before?
-- `clinic-pixel fraud finder` proposes those that jumped. Nothing here gives points: a crowd may be a campaign, or a new customer of an ad network.
-- Combinations of fewer than 20 clients are left out, and numbers below 5 are empty: a row names no small group. Of the others the largest 2,000 are
-- given; `tried` counts all of the day. The days before are counted to about one in a hundred, the day itself exactly.
WITH
    clients AS (
        SELECT
            country AS of_country,
            browser AS of_browser,
            browser_major AS of_major,
            asn AS of_asn,
            $suspect AS suspect,
            max($has_old_cookie OR page_role = 'done') AS is_person,
            max(paid OR kind = 'impression' OR page_role IN ('form', 'done', 'login', 'reset')) AS has_touched
        FROM pixel.events
        WHERE site = {site:String}
            AND received_at >= toDateTime({day:Date}, 'UTC') AND received_at < toDateTime({day:Date} + 1, 'UTC')
            AND $may_be_judged
        GROUP BY of_country, of_browser, of_major, of_asn, suspect
    ),
    in_cases AS (
        SELECT suspect FROM pixel.fraud_cases
        WHERE site = {site:String} AND day = {day:Date}
            AND computed_at IN (SELECT computed_at FROM pixel.fraud_runs FINAL WHERE site = {site:String} AND day = {day:Date})
    ),
    of_day AS (
        SELECT
            of_country, of_browser, of_major, of_asn,
            count() AS now_here,
            countIf(is_person) AS people_here,
            countIf(has_touched) AS touched_here,
            countIf(suspect IN in_cases) AS in_case_here
        FROM clients
        GROUP BY of_country, of_browser, of_major, of_asn
    ),
    compared AS (
        SELECT
            *,
            count() OVER () AS all_tried,
            -- The share of this version among the same browser in all other places: where it is as new everywhere, a browser was updated.
            sum(now_here) OVER (PARTITION BY of_browser, of_major) - now_here AS version_elsewhere,
            sum(now_here) OVER (PARTITION BY of_browser) - sum(now_here) OVER (PARTITION BY of_browser, of_country, of_asn) AS browser_elsewhere
        FROM of_day
    ),
    largest AS (
        SELECT * FROM compared WHERE now_here >= 20 ORDER BY now_here DESC, of_country, of_browser, of_major, of_asn LIMIT 2000
    ),
    earlier AS (
        SELECT
            country AS of_country,
            browser AS of_browser,
            browser_major AS of_major,
            asn AS of_asn,
            dateDiff('day', toDate(received_at, 'UTC'), {day:Date}) AS days_ago,
            uniqCombined(14)($suspect) AS then_here
        FROM pixel.events
        WHERE site = {site:String}
            AND received_at >= toDateTime({day:Date} - 28, 'UTC') AND received_at < toDateTime({day:Date}, 'UTC')
            AND $may_be_judged
            AND (country, browser, asn) IN (SELECT of_country, of_browser, of_asn FROM largest)
        GROUP BY of_country, of_browser, of_major, of_asn, days_ago
    ),
    -- Read once: it is the long part. A key is version and days ago; a version that is new on the day has no row of its own here, and takes those of the others.
    earlier_days AS (
        SELECT of_country, of_browser, of_asn, sumMap(map(toUInt32(of_major * 32 + days_ago), then_here)) AS by_day
        FROM earlier
        GROUP BY of_country, of_browser, of_asn
    )
SELECT
    toString(of_country) AS country,
    trimRight(concat(toString(of_browser), ' ', if(of_major = 0, '', toString(of_major)))) AS browser,
    of_asn AS asn,
    now_here AS clients,
    if(people_here < 5, NULL, people_here) AS people,
    if(touched_here < 5, NULL, touched_here) AS touched,
    if(in_case_here < 5, NULL, in_case_here) AS in_case,
    arrayMap(ago -> by_day[toUInt32(of_major * 32 + ago)], range(1, 29)) AS before,
    if(browser_elsewhere <= 0, 0., arraySum(mapValues(by_day)) / 28 * version_elsewhere / browser_elsewhere) AS expected,
    all_tried AS tried,
    (
        SELECT uniqExact(toDate(received_at, 'UTC')) FROM pixel.events
        WHERE site = {site:String} AND received_at >= toDateTime({day:Date} - 28, 'UTC') AND received_at < toDateTime({day:Date}, 'UTC')
    ) AS days
FROM largest
LEFT JOIN earlier_days USING (of_country, of_browser, of_asn)
ORDER BY clients DESC, country, browser, asn

-- question_ru = "Сколько клиентов каждой страны, браузера и сети было за день на сайте и за 28 дней до него?"
--
-- [columns]
-- country = ["String", "ISO 3166 code"]
-- browser = ["String", "browser with its major version"]
-- asn = ["UInt32", "number of the network"]
-- clients = ["UInt64", "clients of the day, at least 20"]
-- people = ["Nullable(UInt64)", "of these, came back with a cookie of an earlier day or finished a booking; empty below 5"]
-- touched = ["Nullable(UInt64)", "of these, saw or clicked an ad, or reached a form or the login; empty below 5"]
-- in_case = ["Nullable(UInt64)", "of these, suspects of a case; empty below 5"]
-- before = ["Array(UInt64)", "clients of each of the 28 days before, the last first"]
-- expected = ["Float64", "clients of a day if this version of the browser were as common here as elsewhere on the day"]
-- tried = ["UInt64", "combinations of the day, small ones included"]
-- days = ["UInt64", "of the 28 days before, those with stored rows"]

-- The frame in which the worker computes the cells of a report of measurements, before they are perturbed (pipeline/publish): the same
-- as counted_cells.sql, with page loads in place of people, because a measurement has no visitor. No reader reads these views.
--
-- $cells is the report's own SELECT. It reads `measurements` (below), one row for each measurement, and gives `$load`, its keys, and its
-- measures: whole numbers. Of a page load that sent several measurements of one cell the one with the largest value counts, because INP
-- and CLS grow until the page is left.
--
-- A page load is the random number that the script drew for it. Reports without one belong to a stand-in: all of one day and
-- the same country, device, system, browser and version are one page load. Declared robots and the clinic's own networks (staff)
-- are counted apart, robots exactly and staff with noise; a robot that a person sent counts nowhere.
WITH
    measurements AS (
        SELECT
            *,
            multiIf(source_host = '', 'unknown', $is_own_host, 'own', 'foreign') AS whose,
            multiIf(endsWith(robot, '-User'), 'sent', robot != '', 'robot', net_class = 'own', 'staff', 'load') AS who,
            if({grain:String} = 'hour', toDateTime(toStartOfHour(toDateTime(received_at, $zone)), 'UTC'), {since:DateTime('UTC')}) AS start,
            if(view = 0, sipHash64(toDate(received_at), country, device, os, browser, browser_major), view) AS load,
            sipHash64Keyed(({k0:UInt64}, {k1:UInt64}), start, load) AS its_key
        FROM pixel.technical
        WHERE site = {site:String} AND received_at >= {since:DateTime('UTC')} AND received_at < {until:DateTime('UTC')}
    ),
    -- Of each span all page loads, and the sum of their keys: if the tag asks for vitals, page loads without a fault send one, too.
    (
        SELECT mapFromArrays(groupArray(start), groupArray((loads, loads_key)))
        FROM
        (
            SELECT start, count() AS loads, sum(its_key) AS loads_key
            FROM (SELECT DISTINCT start, load, its_key FROM measurements WHERE kind = 'vital' AND who = 'load')
            GROUP BY start
        )
    ) AS measured,
    counted AS (
        $cells
    ),
    by_load AS (
        SELECT
            start$and_keys, who, load, any(its_key) AS its_key,
            CAST([$sums], 'Array(UInt64)') AS hits,
            arrayMap(number -> least(number, $most_hits), hits) AS capped
        FROM counted
        WHERE who != 'sent'
        GROUP BY start$and_keys, who, load
    )
SELECT
    start,
    CAST([$texts], 'Array(String)') AS keys,
    countIf(who = 'load') AS loads,
    toUInt64(0) AS of_a_day_only,
    sumIf(its_key, who = 'load') AS cell_key,
    -- Of each measure, and then of staff and of all measured page loads: the number, the loads that have a part in it, and the sum of
    -- their keys.
    arrayConcat(sumForEachIf(capped, who = 'load'), [countIf(who = 'staff'), measured[start].1]) AS numbers,
    arrayConcat(
        sumForEachIf(arrayMap(number -> number > 0, hits), who = 'load'), [countIf(who = 'staff'), measured[start].1]
    ) AS numbers_of,
    arrayConcat(
        sumForEachIf(arrayMap(number -> if(number = 0, 0, its_key), hits), who = 'load'),
        [sumIf(its_key, who = 'staff'), measured[start].2]
    ) AS number_keys,
    countIf(who = 'robot') AS robots,
    false AS at_once
FROM by_load
GROUP BY start$and_keys
HAVING loads > 0
ORDER BY loads DESC
LIMIT $most_cells

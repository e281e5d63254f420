-- The frame in which the worker computes the cells of a report, before they are perturbed (pipeline/publish). Only `pixel_writer`
-- reads these views; no reader does.
--
-- $cells is the report's own SELECT. It reads `events` (below), one row for each event, and gives `$person`, its keys, and its
-- measures: whole numbers that are added for each person. Of each measure, at most $most_hits of one person count in a cell.
--
-- Beside the columns of pixel.events, `events` has `is_one_person` (a row whose person is no stand-in) and `its_network` (the provider,
-- where it is not known the network of the address), which a report may count in windows; it names no token and no visitor.
--
-- $people defines a person. A row without visitor (a privacy signal, a sensitive page) belongs to a stand-in: all such rows of one
-- day that have the same country, network, device, and browser and system with their versions are one person, so people are counted low.
-- Three senders are no visitors: a declared robot; the clinic's own networks (staff); a client that sends an attack or opens $most_errors
-- different error pages in a day (a probe). Their hits are counted apart: those of robots exactly, those of staff with noise, and of
-- probes the errors and attacks alone, with noise, because a person may share address and browser with a client that sends an attack. A
-- robot that opens a link because a person shared it or asked for it counts nowhere.
WITH
    $people_of_site,
    events AS (
        SELECT
            persons.* REPLACE (
                if(person = 0, $stand_in, person) AS person,
                if(person = 0, epoch, person_day) AS person_day
            ),
            $sender AS who,
            persons.person != 0 AS is_one_person,
            if(asn = 0, toString(net_token), toString(asn)) AS its_network,
            if({grain:String} = 'hour', toDateTime(toStartOfHour(toDateTime(received_at, $zone)), 'UTC'), {since:DateTime('UTC')}) AS start
        FROM persons
        WHERE received_at >= {since:DateTime('UTC')}
    ),
    counted AS (
        $cells
    ),
    by_person AS (
        SELECT
            start$and_keys, who,
            if(who = 'robot', 0, person) AS one,
            if(who = 'robot', toDate(0), person_day) AS its_day,
            sipHash64Keyed(({k0:UInt64}, {k1:UInt64}), start, one, its_day) AS its_key,
            groupUniqArray(2)(came_from) AS networks,
            [$sums] AS hits,
            countIf(is_probing) AS probings,
            arrayMap(number -> least(number, $most_hits), hits) AS capped
        FROM counted
        WHERE who != 'sent'
        GROUP BY start$and_keys, who, one, its_day
    )
SELECT
    start,
    CAST([$texts], 'Array(String)') AS keys,
    countIf(who = 'person' AND its_day = toDate(0)) AS cookies,
    arrayMax(arrayPushBack(mapValues(sumMapIf(map(its_day, toUInt64(1)), who = 'person' AND its_day != toDate(0))), 0)) AS fullest_day,
    sumIf(its_key, who = 'person') AS cell_key,
    -- Of each measure, and then of probes and staff: the number, the people who have a part in it, and the sum of their keys.
    arrayConcat(sumForEachIf(capped, who = 'person'), [sumIf(probings, who = 'probe'), sumIf(capped[1], who = 'staff')]) AS numbers,
    arrayConcat(
        sumForEachIf(arrayMap(number -> number > 0, hits), who = 'person'),
        [countIf(who = 'probe' AND probings > 0), countIf(who = 'staff' AND hits[1] > 0)]
    ) AS numbers_of,
    arrayConcat(
        sumForEachIf(arrayMap(number -> if(number = 0, 0, its_key), hits), who = 'person'),
        [sumIf(its_key, who = 'probe' AND probings > 0), sumIf(its_key, who = 'staff' AND hits[1] > 0)]
    ) AS number_keys,
    sumIf(hits[1], who = 'robot') AS robots,
    $at_once AS at_once
FROM by_person
GROUP BY start$and_keys
-- A scanner may make a hundred thousand cells without anybody in them.
HAVING $is_counted
ORDER BY cookies + fullest_day DESC
LIMIT $most_cells

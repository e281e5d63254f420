-- Who is a person, and which cells may be shown: the one piece that every technical report of visitors goes through.
--
-- $cells is the report's own SELECT. It reads `events` (below: the site's rows of whole hours) and gives, beside its keys
-- and its measures (whole numbers that may be added):
--   people     uniqExactMapState(person);
--   seed       groupBitXor(sipHash64(event_id)): known to nobody who reads reports;
--   sensitive  1 when the cell's key names a sensitive group.
--
-- Rules:
--   1. A person is a map day -> visitor. The day is 1970-01-01 for a cookie and the key epoch for a visitor without one. A
--      first hit still has no cookie: it belongs to the cookie that the same address and agent bring later that day.
--      Declared robots are nobody. All rows without a visitor, or with one past its retention, are together one person.
--   2. A cell is shown from min_visitors people up. People are counted low, because one person may be a cookie and be
--      somebody new every day: either the cookies count or the fullest day, whichever is more.
--   3. Smaller cells become 'other'; the next smallest fold in until it has two cells and min_visitors people of its own.
--      Where that is never reached, nothing is shown. People are merged, never added, so overlap is no loophole.
--   4. A cell without people is left out: shown, its change would tell of the first one.
--   5. Every published number is a multiple of the cell's min_visitors. Up or down is decided by the seed: the same rows
--      always give the same number, no total drifts, and a step between two windows proves no new person.
WITH
    (numbers -> arrayMax(mapValues(numbers))) AS people_of,
    toStartOfHour({since:DateTime64(3, 'UTC')}) AS first_hour,
    toStartOfHour({until:DateTime64(3, 'UTC')} + toIntervalMillisecond(3599999)) AS end_hour,
    -- Expired tokens stay readable until a merge rewrites the part, so they are hidden here.
    (day -> day >= toDate(now('UTC')) - {tokens_days:UInt64}) AS is_live,
    cookies AS (
        SELECT epoch, ip_token, ua_token, min(visitor) AS cookie
        FROM pixel.events
        WHERE site = {site:String} AND received_at >= first_hour AND received_at < end_hour
            AND visitor_kind = 'cookie' AND is_live(epoch)
        GROUP BY epoch, ip_token, ua_token
    ),
    events AS (
        SELECT
            all_events.*,
            multiIf(
                robot != '', CAST(map(), 'Map(Date, UInt64)'),
                NOT is_live(epoch), map(toDate(0), toUInt64(0)),
                visitor_kind != 'day', map(toDate(0), visitor),
                cookie_state = 'new' AND cookie != 0, map(toDate(0), cookie),
                map(epoch, visitor)
            ) AS person
        FROM pixel.events AS all_events
        LEFT ANY JOIN cookies USING (epoch, ip_token, ua_token)
        WHERE site = {site:String} AND received_at >= first_hour AND received_at < end_hour
    ),
    cells AS (
        $cells
    ),
    counted AS (
        SELECT
            [$keys] AS cell,
            [$measures] AS amounts,
            people,
            seed,
            if(sensitive, {min_visitors_sensitive:UInt64}, {min_visitors:UInt64}) AS needed,
            people_of(finalizeAggregation(people)) AS own_people,
            own_people < needed AS is_small
        FROM cells
        WHERE own_people > 0
    ),
    ordered AS (
        SELECT
            *,
            count() OVER smallest_first AS place,
            people_of(uniqExactMapMerge(people) OVER smallest_first) AS people_so_far,
            countIf(is_small) OVER () AS small_cells
        FROM counted
        WINDOW smallest_first AS (ORDER BY is_small DESC, own_people, cell ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    folded AS (
        SELECT
            *,
            min(if(place >= greatest(small_cells, 2) AND people_so_far >= {min_visitors:UInt64}, place, NULL)) OVER () AS enough,
            small_cells > 0 AND place <= enough AS in_other
        FROM ordered
    ),
    shown AS (
        SELECT
            in_other,
            if(in_other, arrayMap((name, number) -> if(number = 1, 'other', ''), cell, arrayEnumerate(cell)), cell) AS keys,
            if(in_other, {min_visitors:UInt64}, any(needed)) AS step,
            groupBitXor(seed) % step AS coin,
            arrayMap(number -> intDiv(number + coin, step) * step, sumForEach(amounts)) AS numbers,
            intDiv(arraySum(mapValues(uniqExactMapMerge(people))) + coin, step) * step AS distinct_visitors
        FROM folded
        WHERE small_cells = 0 OR isNotNull(enough)
        GROUP BY in_other, keys
    )
SELECT
    $columns
FROM shown
ORDER BY in_other, $order

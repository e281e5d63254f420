-- The numbers of the problems engine: people and page views of a site by hour and slice. The worker stores them in pixel.series and
-- no reader has a grant on them. A slice is a dimension and a name: ('page', '/zapis/'), ('browser', 'Chrome'); the whole site is ('site', '').
--
-- $people defines a person; a view without visitor belongs to a stand-in of its day, as in counted_cells.sql. Robots, staff and probes are
-- left out. A flag is true for some views, and `numbers` has the people with such a view. Of one network (the /24 or /48 of its token) at
-- most $most_of_network people count in a flag, and of one person $most_of_person views in an hour, so that one client
-- cannot make up a fault or hide one. A page that is loaded again within a minute is no further view.
WITH
    $people_of_site,
    visits AS (
        SELECT
            *,
            if(person = 0, $stand_in, person) AS one,
            if(person = 0, epoch, person_day) AS its_day,
            person != 0 AS is_one,
            if(net_token = toIPv6('::'), toString(one), toString(net_token)) AS place_of,
            $page_group AS section
        FROM persons
        WHERE $sender = 'person' AND kind IN ('pageview', 'impression')
    ),
    -- An hour is counted many times on its day: only who came in it is put in order, with all their views of the day.
    present AS (
        SELECT one FROM visits WHERE received_at >= {since:DateTime('UTC')}
    ),
    in_order AS (
        SELECT
            *,
            lagInFrame(page, 1) OVER last_views AS page_1, lagInFrame(received_at, 1) OVER last_views AS at_1,
            lagInFrame(page, 2) OVER last_views AS page_2,
            lagInFrame(page, 3) OVER last_views AS page_3, lagInFrame(received_at, 3) OVER last_views AS at_3,
            lagInFrame(received_at, 2) OVER same_page AS again_at,
            lagInFrame(received_at, 4) OVER same_page AS storm_at,
            row_number() OVER day_of_person AS place
        FROM visits
        WHERE one IN present
        WINDOW
            last_views AS (PARTITION BY one, its_day, kind ORDER BY received_at, event_id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW),
            same_page AS (PARTITION BY one, its_day, kind, page ORDER BY received_at, event_id ROWS BETWEEN 4 PRECEDING AND CURRENT ROW),
            day_of_person AS (PARTITION BY one, epoch, kind ORDER BY received_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    flagged AS (
        SELECT
            toStartOfHour(received_at) AS hour, one, its_day, is_one, place_of,
            kind = 'pageview' AND page = page_1 AND received_at < at_1 + toIntervalMinute(1) AS is_reload,
            -- The bits of `flags`, in the order of `names` below. The view of an ad block has none, and one slice.
            if(kind = 'impression', 0, arraySum((flag, bit) -> bitShiftLeft(toUInt32(flag), bit), [
                status BETWEEN 400 AND 499,
                status >= 500,
                page = page_1 AND received_at BETWEEN at_1 + toIntervalSecond(2) AND at_1 + toIntervalSecond(10),
                page = page_1 AND received_at < at_1 + toIntervalSecond(2),
                received_at <= storm_at + toIntervalSecond(60),
                received_at <= again_at + toIntervalMinute(10),
                page = page_2 AND page_1 = page_3 AND page != page_1 AND received_at <= at_3 + toIntervalSecond(30),
                place > 1 AND $has_new_cookie,
                place > 1 AND referrer_kind = 'none',
                page_scheme = 'http',
                false,
                place > 1,
                place > 1 AND cookie_state IN ('new', 'returning'),
                mode = 'js',
                page_role = 'form',
                page_role = 'done'
            ], range(16))) AS flags,
            if(kind = 'impression', [('ad', toString(ad))], arrayConcat(
                [('site', ''), ('page', toString(page))],
                arrayFilter(slice -> slice.2 != '', [
                    ('section', section),
                    ('role', toString(page_role)),
                    ('browser', toString(browser)),
                    ('version', if(browser_major = 0, '', concat(browser, ' ', toString(browser_major)))),
                    ('engine', toString(engine)),
                    ('os', toString(os)),
                    ('device', toString(device)),
                    ('country', toString(country)),
                    ('network', if(asn = 0, '', trimRight(concat('AS', toString(asn), ' ', as_org)))),
                    ('referrer', if(referrer_kind IN ('none', 'internal'), '', toString(referrer_host))),
                    ('source', if(status >= 400 AND referrer_kind = 'internal', referrer_page, ''))
                ])
            )) AS slices,
            if(kind = 'pageview' AND referrer_kind = 'internal', referrer_page, '') AS named
        FROM in_order
        WHERE received_at >= {since:DateTime('UTC')}
    ),
    by_person AS (
        SELECT
            hour, slice.1 AS dimension, slice.2 AS name, place_of, one, its_day,
            countIf(slice.3 = 0 AND NOT is_reload) AS its_views,
            if(any(is_one), least(its_views, $most_of_person), its_views) AS views,
            countIf(slice.3 = 0) > 0 AS is_there,
            groupBitOr(if(slice.3 = 0, flags, bitShiftLeft(toUInt64(1), $named_bit))) AS flags
        FROM flagged
        ARRAY JOIN arrayConcat(
            arrayMap(slice -> (slice.1, slice.2, 0), slices),
            if(named = '', [], [('page', named, 1)])
        ) AS slice
        GROUP BY hour, dimension, name, place_of, one, its_day
    ),
    by_network AS (
        SELECT
            hour, dimension, name, place_of,
            sum(views) AS of_views,
            countIf(is_there) AS of_people,
            sumForEach(arrayMap(bit -> toUInt32(bitTest(flags, bit)), range(16))) AS with_flag
        FROM by_person
        GROUP BY hour, dimension, name, place_of
    ),
    -- Measurements of the tag: a page load is counted once, and `poor` are the loads above the limit of web.dev/vitals.
    measured AS (
        SELECT
            toStartOfHour(received_at) AS hour,
            multiIf(kind = 'js_error', 'script_error', kind = 'resource', 'resource', 'vital') AS dimension,
            multiIf(
                kind = 'js_error', toString(template),
                kind = 'resource', trimRight(concat(toString(source_host), ' ', toString(source_file))),
                trimRight(concat(toString(name), ' ', $page_group))
            ) AS slice,
            view,
            kind = 'vital' AND value > transform(toString(name), ['LCP', 'FCP', 'INP', 'CLS', 'TTFB'], [4000., 3000., 500., 0.25, 1800.], inf) AS is_poor
        FROM pixel.technical
        WHERE site = {site:String} AND received_at >= {since:DateTime('UTC')} AND received_at < {until:DateTime('UTC')}
            AND robot = '' AND net_class != 'own'
    )
SELECT
    {site:String} AS site,
    hour,
    dimension,
    name,
    toUInt32(sum(of_views)) AS views,
    toUInt32(sum(of_people)) AS people,
    mapFilter((flag, number) -> number > 0, CAST(mapFromArrays([$names],
        sumForEach(arrayMap((number, bit) -> if(bit < $fault_bits, least(number, $most_of_network), number), with_flag, range(16)))
    ), 'Map(String, UInt32)')) AS numbers
FROM by_network
GROUP BY hour, dimension, name
-- A scanner may make a hundred thousand pages: the largest slices of an hour are enough.
ORDER BY people DESC
LIMIT $most_slices BY hour, dimension
UNION ALL
SELECT
    {site:String} AS site,
    hour,
    dimension,
    slice AS name,
    toUInt32(uniqExact(view)) AS views,
    views AS people,
    CAST(map('poor', toUInt32(uniqExactIf(view, is_poor))), 'Map(String, UInt32)') AS numbers
FROM measured
WHERE slice != ''
GROUP BY hour, dimension, slice
ORDER BY people DESC
LIMIT $most_slices BY hour, dimension

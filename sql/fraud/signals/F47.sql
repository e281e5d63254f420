-- From which network or provider came more bookings in an hour than the site has at that time of the day?
WITH
    -- P(X >= seen) of a Poisson variable; the falling side of the sum, and enough of it.
    ((seen, expected) -> arraySum(
        i -> exp(i * log(expected) - expected - lgamma(i + 1)), range(toUInt64(seen), toUInt64(seen + 12 * sqrt(expected) + 60))
    )) AS poisson_tail,
    -- Repeated deliveries do no harm: a client counts once in a minute, and twice in an hour, or one front desk were a burst.
    booked AS (
        SELECT
            suspect,
            any(client) AS client,
            toStartOfHour(received_at) AS hour,
            net_token,
            epoch,
            asn,
            any(toString(as_org)) AS provider,
            max($has_old_cookie) AS came_back,
            least(2, uniqExact(intDiv(at_ms, 60000))) AS times,
            min(received_at) AS began,
            max(received_at) AS ended,
            hour < toStartOfDay({until:DateTime('UTC')} - toIntervalSecond(1)) AS is_before
        FROM sent
        WHERE is_view AND page_role = 'done'
        GROUP BY suspect, hour, net_token, epoch, asn
    ),
    before AS (
        SELECT toHour(hour) AS of_day, sum(times) AS bookings FROM booked WHERE is_before GROUP BY of_day
    ),
    hours AS (
        SELECT
            hour,
            now_booked,
            all_before,
            -- One booking more than was seen, or a time of the day without any would expect none for ever.
            (before.bookings + 1) / days AS usual
        FROM (SELECT hour, toHour(hour) AS of_day, sum(times) AS now_booked FROM booked WHERE NOT is_before GROUP BY hour) AS today
        LEFT JOIN before USING (of_day)
        CROSS JOIN (SELECT uniqExact(toDate(hour)) AS days, sum(times) AS all_before FROM booked WHERE is_before) AS known
        WHERE days >= 3
    ),
    placed AS (
        SELECT *, arrayJoin([(hex(sipHash64('network', epoch, net_token)), '1'), (concat('AS', toString(asn)), '')]) AS source
        FROM booked
        WHERE NOT is_before AND NOT came_back AND source.1 != 'AS0'
    ),
    bursts AS (
        SELECT source, hour, sum(times) AS bookings, uniqExact(suspect) AS clients
        FROM placed
        GROUP BY source, hour
        HAVING bookings >= 5
    ),
    -- Where the other sources have as much of the same hour, everybody books: a slot was opened.
    judged AS (
        SELECT
            source,
            hour,
            bookings,
            clients,
            now_booked - bookings AS others,
            -- A provider that has most of the bookings has most of a rush, too.
            (before_of.bookings_of + 1) / (all_before + 2) AS share,
            greatest(usual, toFloat64(others), (others + 1) * share / (1 - share)) AS expected
        FROM bursts
        INNER JOIN hours USING (hour)
        LEFT JOIN (
            SELECT (concat('AS', toString(asn)), '') AS source, sum(times) AS bookings_of FROM booked WHERE is_before GROUP BY source
        ) AS before_of USING (source)
        WHERE bookings > expected AND poisson_tail(bookings, expected) < 0.0001
    )
SELECT *
FROM
(
    SELECT
        any(placed.client) AS client,
        concat(lower(source.1), ' ', formatDateTime(hour, '%Y-%m-%d %H')) AS link,
        any(judged.bookings) AS value,
        min(placed.began) AS began,
        max(placed.ended) AS ended,
        map(
            'expected', toString(round(any(judged.expected), 1)),
            'clients', toString(any(judged.clients)),
            'hour', formatDateTime(hour, '%H:00'),
            'provider', any(placed.provider)
        ) AS evidence
    FROM placed
    INNER JOIN judged USING (source, hour)
    GROUP BY suspect, source, hour
    ORDER BY value DESC, suspect
    LIMIT 500 BY link
)
ORDER BY value DESC, link
LIMIT 1 BY client.suspect

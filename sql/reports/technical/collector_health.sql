-- In which hours did the collector refuse hits, lose them, or hear nothing?
WITH
    least($end_hour, toStartOfHour(now('UTC')) + toIntervalHour(1)) AS end,
    hours AS (
        SELECT toDateTime(arrayJoin(range(toUnixTimestamp($first_hour), toUnixTimestamp(end), 3600)), 'UTC') AS hour
    ),
    counts AS (
        SELECT toStartOfHour(minute) AS hour, minute, name, reason, sum(value) AS events
        FROM pixel.counters
        WHERE minute >= $first_hour AND minute < end
        GROUP BY minute, name, reason
    ),
    of_hours AS (
        SELECT
            hour,
            sumIf(events, name = 'spooled') AS accepted,
            sumIf(events, name = 'refused') AS refused,
            sumIf(events, name = 'refused' AND reason = 'flood') AS floods,
            argMax(reasons.1, reasons.2) AS most,
            sumIf(events, name IN ('rejected', 'quarantined')) AS lost,
            toInt64(accepted) - toInt64(lost) - toInt64(sumIf(events, name = 'stored')) AS waiting,
            uniqExactIf(minute, name = 'offered') AS heard
        FROM
        (
            SELECT *, (reason, if(name = 'refused', sum(events) OVER (PARTITION BY hour, name, reason), 0)) AS reasons
            FROM counts
        )
        GROUP BY hour
    )
SELECT
    hours.hour AS hour,
    of_hours.accepted AS accepted,
    of_hours.refused AS refused,
    of_hours.floods AS floods,
    if(of_hours.refused = 0, 'none', toString(of_hours.most)) AS reason,
    of_hours.lost AS lost,
    of_hours.waiting AS waiting,
    toUInt8(greatest(0, least(60, dateDiff('minute', hours.hour, now('UTC'))) - toInt64(of_hours.heard))) AS silent
FROM hours
LEFT JOIN of_hours ON of_hours.hour = hours.hour
ORDER BY hour

-- purpose = "technical"
-- role = "ops"
-- chart = "strip"
-- rank = "refused"
-- tells_from = 1
-- plain = { day = 24, 7d = 168, 28d = 672 }
--
-- [parameters]
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- hour = { kind = "value", type = "DateTime('UTC')", unit = "UTC", meaning = "begin of the hour of receipt" }
-- accepted = { kind = "value", type = "UInt64", unit = "events", meaning = "acknowledged page views, impressions and measurements, robots and probes included" }
-- refused = { kind = "value", type = "UInt64", unit = "hits", meaning = "hits that were answered with a refusal" }
-- floods = { kind = "value", type = "UInt64", unit = "hits", meaning = "of the refused hits, those over the rate of their client" }
-- reason = { kind = "value", type = "LowCardinality(String)", unit = "word", meaning = "reason of most refusals of the hour, none without a refusal; all reasons: technical/counters" }
-- lost = { kind = "value", type = "UInt64", unit = "events", meaning = "accepted events that were rejected or quarantined afterwards: a fault of the software or of the disk" }
-- waiting = { kind = "value", type = "Int64", unit = "events", meaning = "accepted events that are not stored yet; in old hours 0, but for a few that were received at the edge of two hours" }
-- silent = { kind = "value", type = "UInt8", unit = "minutes", meaning = "minutes of the hour, up to now, in which no hit came at all" }
--
-- [en]
-- title = "Health of the collector"
-- answer = """\
-- Most hits were refused in the hour from {hour}: {refused}; most common reason: {reason}. Of its {accepted} accepted events, the collector lost \
-- {lost}; not stored yet: {waiting}."""
-- nothing = "The collector refused no hit in this time."
-- limits = """\
-- Exact, of all sites and collectors together: it counts hits and nobody's pages. Silent minutes are usual at night; a collector that does not run \
-- has 60 of them. Whether hits arrive in this minute, and from which site: technical/now."""
--
-- [ru]
-- title = "Состояние сборщика"
-- question = "В какие часы сборщик отклонял обращения, терял их или ничего не слышал?"
-- answer = """\
-- Больше всего отклонено за час с {hour}: {refused}; самая частая причина: {reason}. Из принятых в этот час событий ({accepted}) потеряно {lost}; \
-- ещё не сохранено: {waiting}."""
-- nothing = "За это время сборщик не отклонил ни одного обращения."
-- limits = """\
-- Числа точные, по всем сайтам и сборщикам вместе: это обращения, а не страницы посетителей. Ночью минуты тишины обычны; если сборщик не работает, \
-- их 60. Приходят ли обращения в эту минуту и с какого сайта: technical/now."""

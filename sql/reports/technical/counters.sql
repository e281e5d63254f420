-- title.en: Is every event accounted for?
-- title.ru: Учтено ли каждое событие?
-- question.en: Did everything that was offered reach the tables, and what was refused why?
-- question.ru: Всё ли предложенное дошло до таблиц и что отклонено и почему?
-- answer.en: {events} events were {outcome}; 'unexplained' below should be 0.
-- answer.ru: Событий с исходом {outcome}: {events}; строка 'unexplained' ниже должна быть 0.
-- purpose: technical
-- role: ops
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.outcome: value, word; offered = spooled + refused; spooled = stored + rejected + quarantined + pending
-- column.reason: value, word; why it was refused, rejected or quarantined
-- column.events: value, events; how many; below zero for unexplained means counted twice
-- chart: table
-- rank: events
-- threshold: none
-- limits.en: Of all sites together, by the minute of counting: an event spooled just before the start may be stored within it.
--   pending waits in the spool; unexplained must be 0 over the whole life of the collector.
-- limits.ru: По всем сайтам вместе, по минуте подсчёта: событие, принятое до начала срока, может быть сохранено внутри него.
--   pending ждёт в очереди; unexplained за всё время работы должно быть 0.
WITH
    counts AS (
        SELECT name, reason, sum(value) AS events
        FROM pixel.counters
        WHERE minute >= toStartOfHour({since:DateTime64(3, 'UTC')})
            AND minute < toStartOfHour({until:DateTime64(3, 'UTC')} + toIntervalMillisecond(3599999))
        GROUP BY name, reason
    )
SELECT outcome, reason, events
FROM
(
    SELECT name AS outcome, reason, toInt64(events) AS events FROM counts
    UNION ALL
    SELECT
        'pending', '',
        toInt64(sumIf(events, name = 'spooled')) - toInt64(sumIf(events, name IN ('stored', 'rejected', 'quarantined')))
    FROM counts
    UNION ALL
    SELECT
        'unexplained', '',
        toInt64(sumIf(events, name = 'offered')) - toInt64(sumIf(events, name IN ('spooled', 'refused')))
    FROM counts
)
ORDER BY indexOf(['offered', 'refused', 'flood', 'spooled', 'stored', 'rejected', 'quarantined', 'pending', 'unexplained'], outcome), events DESC, reason

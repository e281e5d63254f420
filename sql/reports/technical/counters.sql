-- Did every offered event reach the tables, and why were the others refused?
WITH
    counts AS (
        SELECT name, reason, toInt64(sum(value)) AS events
        FROM pixel.counters
        WHERE minute >= $first_hour
            AND minute < $end_hour
        GROUP BY name, reason
    )
SELECT line.1 AS outcome, line.2 AS reason, line.3 AS events
FROM
(
    SELECT arrayJoin(arrayConcat(
        groupArray((toString(name), toString(reason), events)),
        [
            ('pending', '', sumIf(events, name = 'spooled') - sumIf(events, name IN ('stored', 'rejected', 'quarantined'))),
            ('unexplained', '', sumIf(events, name = 'offered') - sumIf(events, name IN ('spooled', 'refused')))
        ]
    )) AS line
    FROM counts
)
ORDER BY indexOf(['offered', 'refused', 'flood', 'spooled', 'stored', 'rejected', 'quarantined', 'pending', 'unexplained'], outcome), events DESC, reason

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "events"
-- plain = { day = 24, 7d = 168, 28d = 672 }
--
-- [parameters]
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- outcome = { kind = "value", type = "LowCardinality(String)", unit = "word", meaning = "offered = spooled + refused; spooled = stored + rejected + quarantined + pending" }
-- reason = { kind = "value", type = "LowCardinality(String)", unit = "word", meaning = "reason of the refusal, rejection or quarantine" }
-- events = { kind = "value", type = "Int64", unit = "events", meaning = "number of events; for unexplained, a number below zero means counted twice" }
--
-- [en]
-- title = "Is every event accounted for?"
-- answer = "{events} events were {outcome}; 'unexplained' below should be 0."
-- limits = """\
-- Of all sites together, by the minute of counting: an event spooled just before the start may be stored within it. \
-- pending events wait in the spool; unexplained must be 0 over the whole life of the collector."""
--
-- [ru]
-- title = "Учтено ли каждое событие?"
-- question = "Каждое ли событие дошло до таблиц, и что отклонено, почему?"
-- answer = "Событий с исходом «{outcome}»: {events}; в строке «не объяснено» (`unexplained`) ниже должен быть 0."
-- limits = """\
-- По всем сайтам вместе, по минуте подсчёта: событие, принятое до начала срока, может быть сохранено внутри него. \
-- «Ждёт» (`pending`) - события в очереди; «не объяснено» (`unexplained`) за всё время работы должно быть 0."""

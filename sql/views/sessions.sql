-- A session is the events of one person with gaps under 30 minutes: a piece of a WITH list, after `$people`. It reads
-- `persons` and gives `in_sessions`, the rows of known persons with
--   session     1, 2, 3 ... of the person within the period that was asked for.
    with_gaps AS (
        SELECT
            *,
            received_at >= lagInFrame(received_at) OVER one_person + toIntervalMinute(30) AS begins_session
        FROM persons
        WHERE person != 0
        WINDOW one_person AS (
            PARTITION BY site, person_day, person ORDER BY received_at, event_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    ),
    in_sessions AS (
        SELECT *, sum(begins_session) OVER until_now AS session
        FROM with_gaps
        WINDOW until_now AS (
            PARTITION BY site, person_day, person ORDER BY received_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
    ),

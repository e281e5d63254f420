-- How often did a client book in one day?
SELECT
    client,
    '' AS link,
    if(saw_form, by_form, in_minutes) AS value,
    fromUnixTimestamp64Milli(times[1], 'UTC') AS began,
    fromUnixTimestamp64Milli(times[-1], 'UTC') AS ended,
    map('minutes', toString(round((times[-1] - times[1]) / 60000))) AS evidence
FROM
(
    SELECT
        suspect,
        any(client) AS client,
        max(has_form) AS saw_form,
        -- A tab with the thanks of a booking that is loaded again is no booking: none without the form before it.
        countIf(has_form AND has_done) AS by_form,
        uniqExactIf(intDiv(done_ms, 60000), has_done) AS in_minutes,
        arraySort(groupArrayIf(done_ms, has_done)) AS times,
        max(came_back) AS is_known,
        arrayReduce('quantileExact(0.5)', arrayPopFront(arrayDifference(times))) AS pace_ms
    FROM
    (
        SELECT
            suspect,
            any(client) AS client,
            booking,
            max(came_back) AS came_back,
            minIf(first_ms, is_done) AS done_ms,
            countIf(is_done) > 0 AS has_done,
            countIf(NOT is_done) > 0 AS has_form
        FROM
        (
            SELECT *, sum(is_done) OVER (PARTITION BY suspect ORDER BY first_ms, is_done ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS booking
            FROM
            (
                SELECT
                    suspect,
                    any(client) AS client,
                    page_role = 'done' AS is_done,
                    min(at_ms) AS first_ms,
                    max($has_old_cookie) AS came_back
                FROM hits
                WHERE is_view AND page_role IN ('form', 'done') AND suspect IN (SELECT suspect FROM sent WHERE is_view AND page_role = 'done')
                GROUP BY suspect, is_done, intDiv(at_ms, 1000)
            )
        )
        GROUP BY suspect, booking
    )
    GROUP BY suspect
)
-- Whoever came back with the cookie of another day and books a minute apart or slower is a front desk or a carer.
WHERE NOT (is_known AND length(times) > 1 AND pace_ms >= 60000)

-- How many seconds did a client take from the form to the booking?
SELECT
    any(client) AS client,
    '' AS link,
    -- The usual one of its bookings, of two the longer one: back and forward in the browser shows the form for a second.
    quantileExactHigh(0.5)((done_ms - form_ms) / 1000) AS value,
    fromUnixTimestamp64Milli(min(form_ms), 'UTC') AS began,
    fromUnixTimestamp64Milli(max(done_ms), 'UTC') AS ended,
    map('bookings', toString(count()), 'fastest', toString(min(done_ms - form_ms) / 1000)) AS evidence
FROM
(
    -- From the first sight of the form: one that came back with a mistake to mend is not a new one.
    SELECT
        suspect,
        any(client) AS client,
        booking,
        minIf(first_ms, NOT is_done) AS form_ms,
        minIf(first_ms, is_done) AS done_ms,
        max(known) AS is_known
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
                max($has_old_cookie) AS known
            FROM hits
            WHERE is_view AND page_role IN ('form', 'done') AND suspect IN (SELECT suspect FROM sent WHERE is_view AND page_role = 'done')
            GROUP BY suspect, is_done, intDiv(at_ms, 1000)
        )
    )
    GROUP BY suspect, booking
    HAVING countIf(is_done) > 0 AND countIf(NOT is_done) > 0
)
GROUP BY suspect
-- Whoever came back with the cookie of another day and books a minute apart or slower is a front desk or a carer.
HAVING NOT (max(is_known) AND count() > 1 AND max(done_ms) - min(done_ms) >= 60000 * (count() - 1))

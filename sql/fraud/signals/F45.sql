-- How many seconds did a client take from the form to the booking?
WITH
    -- Who opens the form first of all has no cookie there yet, and the page after it is the first that has the cookie: the form is the one that the
    -- same browser of the same address loaded without a cookie within an hour before. Of two such forms nobody can tell which is whose.
    beginners AS (
        SELECT suspect, any(client) AS its_client, min(at_ms) AS done_ms, any(ip_token) AS address, any(ua_token) AS agent
        FROM hits
        WHERE visitor_kind = 'cookie' AND suspect IN (SELECT suspect FROM hits WHERE is_view AND page_role = 'done')
        GROUP BY suspect
        HAVING argMin(page_role, at_ms) = 'done' AND NOT max($has_old_cookie)
    ),
    forms AS (
        SELECT
            ip_token AS address, ua_token AS agent, at_ms AS form_ms,
            lagInFrame(at_ms) OVER (PARTITION BY ip_token, ua_token ORDER BY at_ms ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before_ms
        FROM hits
        WHERE is_view AND page_role = 'form' AND visitor_kind = 'day' AND $has_new_cookie AND ip_token IN (SELECT address FROM beginners)
    ),
    first_forms AS (
        SELECT any(suspect) AS of_suspect, any(its_client) AS of_client, form_ms
        FROM
        (
            SELECT suspect, its_client, address, agent, done_ms, form_ms, before_ms
            FROM beginners
            ASOF INNER JOIN forms ON beginners.address = forms.address AND beginners.agent = forms.agent AND beginners.done_ms >= forms.form_ms
        )
        WHERE form_ms > done_ms - 3600000 AND before_ms <= done_ms - 3600000
        GROUP BY address, agent, form_ms
        HAVING count() = 1
    )
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
            UNION ALL
            SELECT of_suspect, of_client, 0, form_ms, 0 FROM first_forms
        )
    )
    GROUP BY suspect, booking
    HAVING countIf(is_done) > 0 AND countIf(NOT is_done) > 0
)
GROUP BY suspect
-- Whoever came back with the cookie of another day and books a minute apart or slower is a front desk or a carer.
HAVING NOT (max(is_known) AND count() > 1 AND max(done_ms) - min(done_ms) >= 60000 * (count() - 1))

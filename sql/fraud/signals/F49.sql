-- How many login pages did a client load within an hour?
SELECT
    client,
    '' AS link,
    in_hour AS value,
    began,
    ended,
    map('in_60s', toString(in_60s), 'in_day', toString(in_day)) AS evidence
FROM
(
    SELECT
        suspect,
        any(client) AS client,
        max(hourly) AS in_hour,
        max(most_in_60s) AS in_60s,
        max(known) AS is_known,
        sum(loads) AS in_day,
        min(first_load) AS began,
        max(last_load) AS ended
    FROM
    (
        SELECT *, sum(loads) OVER (PARTITION BY suspect ORDER BY minute RANGE BETWEEN 59 PRECEDING AND CURRENT ROW) AS hourly
        FROM
        (
            SELECT
                suspect,
                any(client) AS client,
                intDiv(second, 60) AS minute,
                sum(n) AS loads,
                max(in_60s) AS most_in_60s,
                max(came_back) AS known,
                min(first_load) AS first_load,
                max(last_load) AS last_load
            FROM
            (
                SELECT *, sum(n) OVER (PARTITION BY suspect ORDER BY second RANGE BETWEEN 59 PRECEDING AND CURRENT ROW) AS in_60s
                FROM
                (
                    SELECT
                        suspect,
                        any(client) AS client,
                        intDiv(at_ms, 1000) AS second,
                        count() AS n,
                        max($has_old_cookie) AS came_back,
                        min(received_at) AS first_load,
                        max(received_at) AS last_load
                    FROM hits
                    WHERE is_view AND page_role = 'login'
                    GROUP BY suspect, second
                )
            )
            GROUP BY suspect, minute
        )
    )
    GROUP BY suspect
) AS loops
LEFT JOIN (SELECT suspect, max(received_at) AS reset_at FROM sent WHERE is_view AND page_role = 'reset' GROUP BY suspect) AS resets USING (suspect)
-- Six within a minute of a client without the cookie of another day, or twenty in the hour of any; a page for a new password after them is a forgotten one, unless there are too many.
WHERE (in_hour < 6 OR (in_60s >= 6 AND NOT is_known) OR in_hour >= 20) AND NOT (reset_at > began AND in_day < 30)

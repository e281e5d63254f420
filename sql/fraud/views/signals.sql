-- Which signals did the suspects of a case set off, and what is usual?
WITH
    $members,
    signs AS (
        SELECT *, toDate(window_start) AS day
        FROM pixel.fraud_signals
        WHERE (site, toDate(window_start), computed_at) IN valid
        -- A signal may have several links of one suspect, such as two paths: the worst counts.
        ORDER BY points DESC, abs(value - threshold) DESC, link
        LIMIT 1 BY site, window_start, suspect, signal
    )
SELECT
    members.case AS case,
    site,
    day,
    members.subject AS subject,
    signal,
    value,
    threshold,
    normal_p50,
    normal_p99,
    is_calibrated,
    points,
    is_shadow,
    evidence
FROM signs
INNER JOIN members USING (site, day, suspect)
ORDER BY case, day, subject, points DESC, signal

-- question_ru = "Какие признаки сработали у подозреваемых дела и что обычно?"
--
-- [columns]
-- case = ["String", "number of the case"]
-- site = ["String", "site of the settings"]
-- day = ["Date", "UTC day"]
-- subject = ["String", "the suspect on this day, as in fraud.suspects"]
-- signal = ["String", "name of the signal; fraud.signal_health has its title"]
-- value = ["Float64", "the measured value"]
-- threshold = ["Float64", "the signal fires from here on"]
-- normal_p50 = ["Float64", "half of all clients have at most this"]
-- normal_p99 = ["Float64", "99 of 100 clients have at most this, or at least, where low values are suspicious"]
-- is_calibrated = ["Bool", "the usual values are the site's own, not shipped ones"]
-- points = ["Int16", "points of the value; the score takes less where many people share the address"]
-- is_shadow = ["Bool", "on trial: recorded, without weight in the score"]
-- evidence = ["String", "JSON: what was counted"]

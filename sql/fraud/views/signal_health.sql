-- Which signals hit the right ones, which hit people, and which are on trial?
WITH
    $members,
    signs AS (
        SELECT DISTINCT site, toDate(window_start) AS day, suspect, signal
        FROM pixel.fraud_signals
        WHERE (site, toDate(window_start), computed_at) IN valid AND window_start >= today() - 27
    ),
    fires AS (
        SELECT signal, countIf(day >= today() - 6) AS week, count() AS four_weeks FROM signs GROUP BY signal
    ),
    of_cases AS (
        SELECT DISTINCT case, arrayJoin(signals) AS signal FROM members
    ),
    verdicts AS (
        SELECT
            signal,
            countIf(states.decision != '') AS decided_cases,
            countIf(states.decision = 'confirmed') AS confirmed_cases,
            countIf(states.decision = 'innocent') AS innocent_cases,
            countIf(states.decision = 'unsure') AS unsure_cases
        FROM of_cases
        INNER JOIN states USING (case)
        GROUP BY signal
    ),
    proofs AS (
        SELECT signal, sum(flagged) AS all_flagged, sum(people) AS all_people
        FROM pixel.fraud_normals FINAL
        WHERE day >= today() - 27
        GROUP BY signal
    ),
    known AS (
        SELECT each.1 AS signal, each.2 AS title, each.3 AS title_ru, each.4 AS is_shadow FROM (SELECT arrayJoin($signals) AS each)
    )
SELECT
    signal,
    title,
    title_ru,
    week AS fires_7d,
    four_weeks AS fires_28d,
    decided_cases AS decided,
    if(decided_cases = 0, NULL, round(confirmed_cases / decided_cases, 3)) AS confirmed,
    if(decided_cases = 0, NULL, round(innocent_cases / decided_cases, 3)) AS innocent,
    if(decided_cases = 0, NULL, round(unsure_cases / decided_cases, 3)) AS unsure,
    all_flagged AS flagged,
    all_people AS people,
    is_shadow
FROM known
LEFT JOIN fires USING (signal)
LEFT JOIN verdicts USING (signal)
LEFT JOIN proofs USING (signal)
ORDER BY signal

-- question_ru = "Какие признаки попадают верно, какие задевают людей и какие проходят проверку?"
--
-- [columns]
-- signal = ["String", "name of the signal"]
-- title = ["String", "its title"]
-- title_ru = ["String", "its title in Russian"]
-- fires_7d = ["UInt64", "clients of a day that set it off, in the last 7 days"]
-- fires_28d = ["UInt64", "clients of a day that set it off, in the last 28 days"]
-- decided = ["UInt64", "decided cases in which it fired; the shares are of these"]
-- confirmed = ["Nullable(Float64)", "share that was confirmed; empty before any verdict"]
-- innocent = ["Nullable(Float64)", "share that was innocent"]
-- unsure = ["Nullable(Float64)", "share of which the reviewer was unsure"]
-- flagged = ["UInt64", "clients that it flagged on the ended days of the last 28"]
-- people = ["UInt64", "of these, surely people: they came back on another day, or booked at a human pace"]
-- is_shadow = ["Bool", "on trial: recorded, without weight in the score"]

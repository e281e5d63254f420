-- What the views of reviewers read: the begin of a WITH list. Readers see the newest run of each day of a site, and a run when all of it
-- is stored: its row in pixel.fraud_runs comes last. It gives
--   valid     site, day and run.
--   members   the suspects of all cases; `case` is the id under which a case is known today: a case that another one took in still has
--             rows, and verdicts, under its own. `subject` is a hash with the day: to follow one person over days is `relink`, which is
--             audited.
--   rulings   the newest verdict about each number of a case: one that was given after cases joined is about all of them.
--   decided   the newest verdict of each case. A person's decision holds for the band that they saw. Where one of two cases was confirmed before
--             they joined, and the other was not (`is_torn`), nothing is confirmed: a person decides again, on the joined case.
--   states    of each case: the newest decision and the state.
-- No FINAL on the signs and cases: it would hide the last run while the next one is written.
    valid AS (
        SELECT site, day, computed_at FROM pixel.fraud_runs FINAL
    ),
    newest AS (
        SELECT * FROM pixel.fraud_cases WHERE (site, day, computed_at) IN valid
    ),
    (
        SELECT CAST((groupArray(old), groupArray(new)), 'Map(String, String)')
        FROM
        (
            SELECT arrayJoin(aliases) AS old, argMax(case_id, computed_at) AS new FROM newest GROUP BY old
        )
    ) AS names,
    members AS (
        SELECT *, $case AS case, lower(leftPad(hex(sipHash64(day, suspect)), 16, '0')) AS subject FROM newest
    ),
    rulings AS (
        SELECT number AS case_id, argMax(its_decision, its_time) AS ruling, argMax(its_band, its_time) AS ruled_band, max(its_time) AS ruled_at
        FROM
        (
            SELECT arrayJoin(arrayConcat([case_id], aliases)) AS number, decision AS its_decision, band AS its_band, decided_at AS its_time
            FROM pixel.verdicts
        )
        GROUP BY number
    ),
    decided AS (
        SELECT
            $case AS case,
            countIf(ruling = 'confirmed') BETWEEN 1 AND count() - 1 AS is_torn,
            if(is_torn, argMaxIf(ruling, ruled_at, ruling != 'confirmed'), argMax(ruling, ruled_at)) AS decision,
            argMax(ruled_band, ruled_at) AS seen,
            max(ruled_at) AS decided_at
        FROM rulings
        GROUP BY case
    ),
    states AS (
        SELECT
            case,
            any(decided.decision) AS decision,
            any(decided.is_torn) AS is_torn,
            any(decided.decided_at) AS decided_at,
            multiIf(
                decision = '', 'new',
                is_torn, 'reopened',
                decision != 'confirmed' AND max(toInt8(band)) > indexOf(['unclear', 'watch', 'likely'], any(decided.seen)), 'reopened',
                decision
            ) AS state
        FROM members
        LEFT JOIN decided USING (case)
        GROUP BY case
    ),

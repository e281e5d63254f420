-- What a claim for a refund says about a case: its days, reasons in both languages, the versions that found it, the number under which it is
-- known today, and what was decided. No client, no token.
WITH
    $members,
    runs AS (SELECT site, day, computed_at, lists_version FROM pixel.fraud_runs FINAL)
SELECT
    site, day, score, reasons, reasons_ru, rules_version, lists_version, case, state, decision, is_torn, decided_at
FROM members
INNER JOIN states USING (case)
INNER JOIN runs USING (site, day, computed_at)
WHERE case IN (SELECT $case FROM (SELECT {case:String} AS case_id))
ORDER BY score DESC, day, suspect

-- What a claim for a refund says about a case: its number today, the newest verdict on it, its days, reasons in both languages, and the versions
-- that found it. No client, no token. It may be asked by any number that the case has or had, and a verdict counts under each of them:
-- one that was taken back under the number of today holds for a case that was confirmed before it joined.
WITH
    $members,
    asked AS (
        SELECT $case AS today FROM (SELECT {case:String} AS case_id)
    )
SELECT
    case, site, day, score, reasons, reasons_ru, rules_version, lists_version, decided.decision AS decision, decided.decided_at AS decided_at
FROM members
INNER JOIN (SELECT site, day, computed_at, lists_version FROM pixel.fraud_runs FINAL) AS runs USING (site, day, computed_at)
LEFT JOIN decided USING (case)
WHERE case IN (SELECT today FROM asked)
ORDER BY score DESC, day, suspect

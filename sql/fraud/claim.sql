-- What a claim for a refund says about a case: its days, reasons in both languages, and the versions that found it. No client, no token.
WITH
    runs AS (SELECT site, day, computed_at, lists_version FROM pixel.fraud_runs FINAL)
SELECT
    site, day, score, reasons, reasons_ru, rules_version, lists_version
FROM (SELECT * FROM pixel.fraud_cases FINAL WHERE case_id = {case:String}) AS members
INNER JOIN runs USING (site, day, computed_at)
ORDER BY score DESC, day, suspect

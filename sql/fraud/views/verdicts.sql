-- What did reviewers decide, when, and why?
WITH
    $members
SELECT
    $case AS case,
    case_id AS given_for,
    site,
    decided_at,
    decision,
    band,
    reason,
    reviewer
FROM pixel.verdicts
ORDER BY case, decided_at

-- question_ru = "Что решили проверяющие, когда и почему?"
--
-- [columns]
-- case = ["String", "number of the case today"]
-- given_for = ["String", "its number when it was decided"]
-- site = ["String", "site of the settings"]
-- decided_at = ["DateTime64(3, 'UTC')", "when"]
-- decision = ["String", "confirmed, innocent, unsure, own_monitor or known_crawler"]
-- band = ["String", "the band of the case then"]
-- reason = ["String", "why, in the reviewer's words"]
-- reviewer = ["String", "user of the machine, as in the audit"]

-- Which days were scored, when, and was anything cut?
SELECT
    site,
    day,
    computed_at AS scored_at,
    suspects,
    milliseconds,
    cut,
    rules_version AS rules
FROM pixel.fraud_runs FINAL
ORDER BY site, day DESC

-- question_ru = "Какие дни оценены, когда, и не отброшено ли что-нибудь?"
--
-- [columns]
-- site = ["String", "site of the settings"]
-- day = ["Date", "UTC day"]
-- scored_at = ["DateTime64(3, 'UTC')", "begin of the newest run: events that arrived later are not in it"]
-- suspects = ["UInt64", "suspects that it found"]
-- milliseconds = ["UInt64", "how long it took"]
-- cut = ["Array(String)", "signals that more clients set off than are kept: the worst are; `not measured: ` and signals that needed too much time or memory; `hits`: of clients with thousands of hits in an hour only the first were looked at"]
-- rules = ["String", "version of the rules"]

-- What did one suspect of a case do on its day, in order?
-- The one view of reviewers with single hits: those that were judged, of one suspect on one day, the first 300. Pages that are sensitive are not
-- among them: their rows have no token. The pages that read it ask for a purpose and record each reading.
WITH
    $members,
    chosen AS (
        SELECT DISTINCT site, day, suspect FROM members WHERE case = {case:String} AND subject = {subject:String}
    ),
    received AS (
        SELECT * FROM pixel.events
        WHERE site IN (SELECT site FROM chosen)
            AND received_at >= toDateTime((SELECT min(day) FROM chosen), 'UTC') - $repeat_reach
            AND received_at < toDateTime((SELECT max(day) FROM chosen) + 1, 'UTC')
    ),
    $once
SELECT
    received_at,
    toString(kind) AS kind,
    page,
    toString(page_role) AS page_role,
    status,
    attack,
    toString(referrer_kind) AS referrer_kind,
    paid,
    toString(hints) AS hints,
    hints_detail
FROM received
WHERE $may_be_judged AND $is_first
    AND (site, toDate(received_at, 'UTC'), $suspect) IN (SELECT site, day, suspect FROM chosen)
ORDER BY received_at, event_id
LIMIT 300

-- question_ru = "Что один подозреваемый дела делал в свой день, по порядку?"
--
-- [columns]
-- received_at = ["DateTime64(3, 'UTC')", "when it was received"]
-- kind = ["String", "pageview or impression"]
-- page = ["String", "which page, scrubbed"]
-- page_role = ["String", "role of the page, such as form or done"]
-- status = ["UInt16", "status of an error page; 0 elsewhere"]
-- attack = ["String", "kind of attack in the address, never its text"]
-- referrer_kind = ["String", "where the visit came from"]
-- paid = ["Bool", "a landing from a paid click"]
-- hints = ["String", "whether the browser's name and its hints agree"]
-- hints_detail = ["String", "the two descriptions of the browser, where they contradict"]

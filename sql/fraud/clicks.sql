-- The paid landings of a case, each once: time, ad network, sealed click id, campaign and page, and nothing about the client.
-- A claim for a refund reads it with the rights of the worker, so that nobody needs a right on the rows of events.
-- A click id is gone when its term is over, also where the job that clears the column has not run yet.
WITH
    $frame,
    members AS (
        SELECT day, suspect FROM pixel.fraud_cases FINAL
        WHERE site = {site:String} AND case_id = {case:String}
            AND (day, computed_at) IN (SELECT day, computed_at FROM pixel.fraud_runs FINAL WHERE site = {site:String})
    )
SELECT
    received_at AS at,
    click_kind,
    if(toDate(received_at, 'UTC') < toDate(now('UTC')) - $sealed_days, '', click_sealed) AS sealed,
    campaign,
    page
FROM hits
WHERE is_view AND click_kind != '' AND (toDate(received_at, 'UTC'), suspect) IN members
ORDER BY at, sealed

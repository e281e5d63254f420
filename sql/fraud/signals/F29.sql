-- How many hits within 30 minutes did one browser of one address make that never returned the cookie it was given?
-- Nothing where most clients of the site get no cookie, and nothing for who refused or sent a privacy signal: that is lawful.
-- Of a client the first 200 hits are looked at.
WITH
    (SELECT 2 * uniqIf(suspect, cookie_state IN ('new', 'returning')) >= uniq(suspect) FROM hits) AS site_sets_cookies
SELECT
    any(client) AS client,
    '' AS link,
    if(
        site_sets_cookies AND countIf($has_new_cookie) = count(),
        arrayMax(arrayMap(last -> arrayCount(at -> at BETWEEN last - 1799999 AND last, times), times)),
        0
    ) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('hits', toString(count())) AS evidence,
    groupArray(200)(at_ms) AS times
FROM hits
GROUP BY ip_token, ua_token

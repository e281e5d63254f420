-- How many short-lived cookies did the address of a client have in one hour?
-- Nothing unless it has more than 199 of 200 addresses of its provider, and half of its cookies have fewer than two hits that day. A person who
-- comes back, or reads on, is not one of them.
WITH
    cookies AS (
        SELECT
            ip_token, hour, suspect,
            any(client) AS client, min(received_at) AS began, max(received_at) AS ended, any(asn) AS its_asn, count() AS of_hour,
            max($has_old_cookie) AS came_back
        FROM (SELECT *, toStartOfHour(received_at) AS hour FROM hits WHERE visitor_kind = 'cookie' AND net_class != 'mobile')
        GROUP BY ip_token, hour, suspect
    ),
    hours AS (
        SELECT ip_token, hour, any(its_asn) AS its_asn, count() AS cookies, quantileExactLow(0.5)(of_hour) AS life
        FROM cookies
        GROUP BY ip_token, hour
    ),
    providers AS (
        SELECT its_asn, quantile(0.995)(cookies) AS usual_cookies FROM hours GROUP BY its_asn
    )
SELECT
    any(client) AS client,
    '' AS link,
    max(if(cookies > usual_cookies AND life < 2 AND of_hour < 2 AND NOT came_back, cookies, least(cookies, 20))) AS value,
    min(began) AS began,
    max(ended) AS ended,
    map('usual', toString(toUInt32(argMax(usual_cookies, cookies)))) AS evidence
FROM cookies
INNER JOIN hours USING (ip_token, hour)
INNER JOIN providers ON hours.its_asn = providers.its_asn
GROUP BY suspect

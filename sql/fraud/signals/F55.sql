-- How many hits had Sec-Fetch headers that no browser sends with this kind of request? One of several may be a proxy's accident.
SELECT
    any(client) AS client,
    '' AS link,
    if(contradicting >= 2 OR contradicting = count(), contradicting, 0) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('hits', toString(count())) AS evidence,
    countIf(fetch = 'contradict') AS contradicting
FROM hits
WHERE robot = ''
GROUP BY suspect

-- How many hits had client hints that contradict the user agent? One of several may be a proxy's accident.
SELECT
    any(client) AS client,
    '' AS link,
    if(contradicting >= 2 OR contradicting = count(), contradicting, 0) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map(
        'detail', arrayStringConcat(arraySort(groupUniqArrayIf(3)(toString(hints_detail), hints = 'contradict')), '; '),
        'hits', toString(count())
    ) AS evidence,
    countIf(hints = 'contradict') AS contradicting
FROM hits
WHERE robot = ''
GROUP BY suspect

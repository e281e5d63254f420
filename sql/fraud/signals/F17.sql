-- How many different attack attempts did a client make within 10 minutes?
SELECT
    any(client) AS client,
    '' AS link,
    max(attempts) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('kinds', arrayStringConcat(arraySort(groupUniqArray(toString(attack))), ', '), 'pages', arrayStringConcat(groupUniqArray(3)(toString(page)), ' ')) AS evidence
FROM
(
    SELECT
        suspect, client, received_at, attack, page,
        uniqExact(page, attack) OVER (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 599999 PRECEDING AND CURRENT ROW) AS attempts
    FROM hits
    WHERE $is_attack
)
GROUP BY suspect

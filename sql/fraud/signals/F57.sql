-- How many kinds of attack did a client try within 10 minutes?
WITH
    -- A link of the site that looks like an attack leads everybody there.
    own_links AS (
        SELECT page FROM hits WHERE is_view AND attack != '' AND referrer_kind = 'internal' GROUP BY page HAVING uniqUpTo(4)(suspect) > 4
    ),
    mixed AS (
        SELECT suspect
        FROM hits
        WHERE suspect IN (SELECT suspect FROM hits WHERE is_view AND attack != '' AND $may_be_foreign)
        GROUP BY suspect
        HAVING NOT min($may_be_foreign)
    )
SELECT
    any(client) AS client,
    '' AS link,
    max(kinds) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('kinds', arrayStringConcat(arraySort(groupUniqArray(toString(attack))), ', ')) AS evidence
FROM
(
    SELECT
        suspect, client, received_at, attack,
        uniqExact(attack) OVER (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 599999 PRECEDING AND CURRENT ROW) AS kinds
    FROM
    (
        SELECT suspect, client, received_at, at_ms, attack
        FROM hits
        -- A door that opened is a door of the site: its editors go through it. A foreign page can make a person's browser send the rest: of
        -- who sent anything else, only what no foreign page made counts.
        WHERE is_view AND attack != '' AND page NOT IN own_links AND NOT (attack = 'cms_door' AND status < 400)
            AND (NOT $may_be_foreign OR suspect NOT IN mixed)
        LIMIT 5000 BY suspect
    )
)
GROUP BY suspect

-- How many different attack attempts did a client make within 10 minutes?
WITH
    -- A link of the site that looks like an attack leads everybody there.
    own_links AS (
        SELECT page FROM hits WHERE is_view AND $is_attack AND referrer_kind = 'internal' GROUP BY page HAVING uniqUpTo(4)(suspect) > 4
    ),
    mixed AS (
        SELECT suspect
        FROM hits
        WHERE suspect IN (SELECT suspect FROM hits WHERE is_view AND $is_attack AND $may_be_foreign)
        GROUP BY suspect
        HAVING NOT min($may_be_foreign)
    )
SELECT
    any(client) AS client,
    '' AS link,
    uniqExact(page, attack, in_agent) AS attempts,
    -- Two doors alone may be an editor's who looks for the door of the site as it was, and of two attempts in different hours one may be a
    -- mistake: both weigh less than two attempts at once.
    greatest(max(weight), if(attempts >= 2, 1.5, 1.0)) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map(
        'in_10m', toString(max(in_10m)),
        'attempts', toString(greatest(attempts, max(in_10m))),
        'kinds', arrayStringConcat(arraySort(groupUniqArray(multiIf(in_agent != 0, 'agent', attack = '', 'other', toString(attack)))), ', '),
        'pages', arrayStringConcat(groupUniqArray(3)(toString(page)), ' ')
    ) AS evidence
FROM
(
    SELECT
        suspect, client, received_at, attack, page, in_agent,
        -- Of a query only the kind of attack is kept: five views of one page with attack strings are an attempt of their own, or who tries
        -- them all on one page would count once.
        greatest(
            uniqExact(page, attack, in_agent) OVER ten_minutes,
            intDiv(countIf(attack IN ('sql', 'script', 'lookup')) OVER ten_minutes, 5)
        ) AS in_10m,
        if(in_10m = 2 AND countIf(attack != 'cms_door' OR in_agent != 0) OVER ten_minutes = 0, 1.5, toFloat64(in_10m)) AS weight
    FROM
    (
        SELECT
            suspect, client, received_at, at_ms, attack, page,
            -- An attack in the agent is one of every view that was sent with it.
            if(robot = 'attack in the agent', sipHash64(event_id), 0) AS in_agent
        FROM hits
        -- A door that opened is a door of the site: its editors go through it. A foreign page can make a person's browser send the rest,
        -- though not with another agent: of who sent anything else, only what no foreign page made counts.
        WHERE is_view AND (
            robot = 'attack in the agent'
            OR (
                $is_attack AND page NOT IN own_links AND NOT (attack = 'cms_door' AND status < 400)
                AND (NOT $may_be_foreign OR suspect NOT IN mixed)
            )
        )
        LIMIT 5000 BY suspect
    )
    WINDOW ten_minutes AS (PARTITION BY suspect ORDER BY at_ms RANGE BETWEEN 599999 PRECEDING AND CURRENT ROW)
)
GROUP BY suspect

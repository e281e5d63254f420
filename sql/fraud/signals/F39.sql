-- How many times did a client land by an ad block of the site that neither it nor its network had been shown?
WITH
    landings AS (
        SELECT suspect, client, event_id, received_at, at_ms, net_token, toString(referrer_host) AS source, campaign['utm_content'] AS block
        FROM hits
        WHERE is_view AND paid AND campaign['utm_content'] IN (SELECT toString(ad) FROM sent WHERE NOT is_view AND ad != '' GROUP BY ad)
    ),
    landed AS (
        SELECT *, arrayJoin([sipHash64('client', suspect), sipHash64('network', net_token)]) AS who, at_ms - 1000 AS latest FROM landings
    ),
    shown AS (
        SELECT DISTINCT
            toString(ad) AS block,
            arrayJoin([sipHash64('client', suspect), sipHash64('network', net_token)]) AS who,
            intDiv(at_ms, 1000) * 1000 AS shown_ms
        FROM sent
        WHERE NOT is_view
            AND ad IN (SELECT block FROM landings)
            AND (suspect IN (SELECT suspect FROM landings) OR net_token IN (SELECT net_token FROM landings))
    ),
    judged AS (
        SELECT
            any(landed.suspect) AS suspect,
            any(landed.client) AS client,
            any(landed.received_at) AS received_at,
            any(landed.source) AS source,
            any(landed.block) AS block,
            NOT max(shown_ms > 0 AND at_ms - shown_ms <= 1800000) AS is_strange
        FROM landed
        ASOF LEFT JOIN shown ON landed.block = shown.block AND landed.who = shown.who AND landed.latest >= shown.shown_ms
        GROUP BY landed.event_id
    )
SELECT
    any(client) AS client,
    '' AS link,
    countIf(is_strange) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('landings', toString(count()), 'ads', arrayStringConcat(arraySort(groupUniqArrayIf(3)(block, is_strange)), ', '), 'source', argMax(source, is_strange)) AS evidence
FROM
(
    SELECT
        *,
        avg(is_strange) OVER (PARTITION BY source) AS strange_of_source,
        count() OVER () - count() OVER (PARTITION BY suspect) AS others,
        sum(is_strange) OVER () - sum(is_strange) OVER (PARTITION BY suspect) AS strange_others
    FROM judged
)
-- Where the landings of the others have no impression either, the impressions are lost.
WHERE strange_of_source > 0.1 AND others >= 10 AND strange_others <= others / 2
GROUP BY suspect

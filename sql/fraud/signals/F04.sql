-- How many hits had the name of a crawler whose operator does not own the address?
SELECT
    any(client) AS client,
    '' AS link,
    countIf(is_false) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map(
        'name', anyIf(toString(robot), is_false),
        'network', anyIf(if(as_org = '', concat('AS', toString(asn)), toString(as_org)), is_false)
    ) AS evidence
FROM (SELECT *, has(ivt_reasons, 'false_crawler') AS is_false FROM hits)
GROUP BY suspect

-- Did a browser come from a data centre?
SELECT
    any(client) AS client,
    '' AS link,
    max(is_hosted) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('network', anyIf(if(as_org = '', concat('AS', toString(asn)), toString(as_org)), is_hosted)) AS evidence
FROM (SELECT *, net_class = 'datacenter' AND robot = '' AS is_hosted FROM hits)
GROUP BY suspect

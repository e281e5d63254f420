-- Did a client come through a VPN (1) or Tor (2)? A privacy relay is nothing.
SELECT
    any(client) AS client,
    '' AS link,
    max(multiIf(net_class = 'tor', 2, net_class = 'vpn', 1, 0)) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('kind', if(value = 2, 'Tor', 'VPN')) AS evidence
FROM hits
GROUP BY suspect

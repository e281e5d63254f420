-- In how many networks was one cookie within an hour?
-- Three providers are enough; of networks of fewer providers it takes five. A phone has IPv4 and IPv6 at once, so each counts alone.
-- The addresses of a mobile network, of a privacy relay and of Tor change by themselves.
SELECT
    any(client) AS client,
    '' AS link,
    max(multiIf(providers >= 3, greatest(networks, 3), networks >= 5, networks, least(networks, 2))) AS value,
    min(began) AS began,
    max(ended) AS ended,
    map('providers', toString(argMax(providers, (providers >= 3 OR networks >= 5, networks)))) AS evidence
FROM
(
    SELECT
        suspect, any(client) AS client, min(received_at) AS began, max(received_at) AS ended,
        uniqExactIf(net_token, net_class != 'mobile') AS networks,
        uniqExactIf(asn, asn != 0) AS providers
    FROM hits
    WHERE visitor_kind = 'cookie' AND net_class NOT IN ('relay', 'tor')
    GROUP BY suspect, ip_version, toStartOfHour(received_at)
)
GROUP BY suspect

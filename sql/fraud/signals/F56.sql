-- How many hits named another page than the one that the browser names itself? Bit 10 is `PageFlag.TWO_HOSTS`.
SELECT
    any(client) AS client,
    '' AS link,
    if(of_two_hosts >= 2 OR of_two_hosts = count(), of_two_hosts, 0) AS value,
    min(received_at) AS began,
    max(received_at) AS ended,
    map('host', anyIf(if(page_host = '', '-', toString(page_host)), $names_two_hosts), 'hits', toString(count())) AS evidence,
    countIf($names_two_hosts) AS of_two_hosts
FROM hits
GROUP BY suspect

-- One made-up day of a site as rows of pixel.events: `shape` is `clinic`, `one-client` or `one-hit`, `events` the rows, `first` the first number.
--   clinic      24 events are six clients with 1, 1, 2, 3, 6 and 11 events; two of three have a cookie, every fifth event is a view of an ad block.
--   one-client  one cookie sends everything, evenly over the day.
--   one-hit     each event has an address, a browser, a page and a referrer of its own, and no cookie.
INSERT INTO pixel.events (
    received_at, event_id, site, kind, mode, policy, epoch, visitor, visitor_kind, cookie_state, cookie_age, ip_token, net_token, ip_version, country,
    asn, as_org, net_class, browser, browser_major, os, os_major, device, hints, fetch, robot, ivt_reasons, ua_token, ua_raw, page_host, page,
    page_flags, page_role, status, campaign, paid, click_token, click_kind, ad, referrer_host, referrer_page, referrer_kind, nonce, attack
)
WITH
    {shape:String} AS shape,
    [0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5] AS clients,
    [0, 0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] AS steps,
    -- A quiet night and a busy noon.
    [0, 5, 6, 6, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 11, 11, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15,
        15, 15, 16, 16, 16, 17, 17, 17, 18, 18, 18, 19, 19, 20, 20, 21, 22, 23] AS hours,
    multiIf(shape = 'one-client', 0, shape = 'one-hit', number, intDiv(number, 24) * 6 + clients[number % 24 + 1]) AS who,
    if(shape = 'clinic', steps[number % 24 + 1], 0) AS step,
    sipHash64('who', shape, who) AS drawn,
    sipHash64('what', shape, number) AS here,
    (here % 1000003) / 1000003 AS chance,
    (sipHash64('what', shape, number - 1) % 1000003) / 1000003 AS chance_before,
    shape = 'clinic' AS is_clinic,
    -- Of a hundred clinic clients two are robots that say so.
    is_clinic AND drawn % 50 = 0 AS is_robot,
    shape != 'one-hit' AND drawn % 3 != 0 OR shape = 'one-client' AS keeps_cookie,
    is_clinic AND step = 0 AND drawn % 2 = 0 AS is_first,
    (step > 0 OR shape = 'one-client') AND number % 5 = 4 AS is_ad,
    toUInt32(pow(chance, 3) * 2000) AS place,
    NOT is_ad AND (step = 0 AND drawn % 20 = 1 OR shape = 'one-client' AND number % 20 = 1) AS is_paid,
    if(
        is_clinic,
        hours[drawn % length(hours) + 1] * 3600000 + intDiv(drawn, 1000) % 3600000 + step * 60000 + toUInt64(pow(chance, 4) * 600000),
        toUInt64((number + 0.5) * 86400000 / {events:UInt64})
    ) AS ms
SELECT
    fromUnixTimestamp64Milli(toInt64(toUnixTimestamp({day:Date})) * 1000 + least(toInt64(ms), 86399999), 'UTC'),
    generateUUIDv4(),
    {site:String},
    if(is_ad, 'impression', 'pageview'),
    'js',
    '1',
    {day:Date},
    sipHash64('visitor', who, keeps_cookie AND NOT is_first),
    if(keeps_cookie AND NOT is_first, 'cookie', 'day'),
    multiIf(NOT keeps_cookie, 'refused', is_first, 'new', 'returning'),
    multiIf(NOT keeps_cookie, 'none', is_first, 'new', drawn % 2 = 1 AND is_clinic, 'month', 'day'),
    CAST(bitShiftLeft(toUInt128(drawn), 64) + 1 AS IPv6),
    CAST(bitShiftLeft(toUInt128(sipHash64('network', intDiv(who, 3))), 64) AS IPv6),
    if(drawn % 5 = 0, 6, 4),
    if(drawn % 11 = 0, 'KZ', 'RU'),
    64500 + toUInt32(pow((drawn % 997) / 997, 2) * 40),
    concat('Provider ', toString(toUInt32(pow((drawn % 997) / 997, 2) * 40))),
    multiIf(drawn % 40 = 7, 'datacenter', drawn % 4 = 0, 'mobile', 'other'),
    ['Chrome', 'Chrome Mobile', 'Safari', 'Yandex Browser', 'Firefox'][drawn % 5 + 1],
    120 + toUInt16(sqrt(drawn % 625)),
    ['Windows', 'Android', 'iOS', 'Windows', 'Linux'][drawn % 5 + 1],
    10,
    ['pc', 'phone', 'phone', 'pc', 'pc'][drawn % 5 + 1],
    multiIf(drawn % 300 = 11, 'contradict', drawn % 5 = 0, 'agree', 'none'),
    if(drawn % 400 = 13, 'contradict', 'agree'),
    if(is_robot, 'GPTBot', ''),
    [],
    if(is_clinic, drawn % 400, drawn),
    '',
    'clinic.example',
    multiIf(
        shape = 'one-hit', concat('/p/', toString(number)), place = 20, '/booking', place = 21, '/booking/done', place = 22, '/login', concat('/page/', toString(place))
    ),
    0,
    multiIf(shape = 'one-hit', '', place = 20, 'form', place = 21, 'done', place = 22, 'login', ''),
    if(here % 40 = 3, 404, 200),
    if(is_paid, map('utm_source', 'yandex', 'utm_campaign', 'autumn', 'utm_content', concat('block', toString(drawn % 12))), map()),
    is_paid,
    if(is_paid, if(is_clinic, drawn, here % 50), 0),
    if(is_paid, 'yclid', ''),
    if(is_ad, concat('block', toString(here % 12)), ''),
    multiIf(step > 0, 'clinic.example', shape = 'one-hit', concat('host', toString(number % 50000), '.example'), is_paid, 'yandex.example', ''),
    if(step > 0, concat('/page/', toString(toUInt32(pow(chance_before, 3) * 2000))), ''),
    multiIf(step > 0, 'internal', shape = 'one-hit', 'other', is_paid, 'ad', 'none'),
    -- An ad block has the number of its page load; of a thousand events one is delivered twice.
    if(is_ad OR number % 1000 = 7, number, number + 1),
    if(NOT is_clinic AND here % 50 = 1, ['sql', 'dotfile', 'script'][here % 3 + 1], '')
FROM numbers({first:UInt64}, {rows:UInt64})
SETTINGS max_insert_block_size = 250000, max_threads = 1, max_block_size = 65409

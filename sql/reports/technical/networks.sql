-- Through which networks do visitors come, and do visitors of one network get errors?
SELECT
    $person,
    if(asn = 0, 'unknown', trimRight(concat('AS', toString(asn), ' ', as_org))) AS network,
    if(country = '', 'unknown', country) AS country,
    net_class AS class,
    1 AS hits,
    status >= 400 AS errors,
    ip_version = 6 AS ipv6
FROM events
WHERE kind = 'pageview'

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "visitors"
-- shape = "partition"
-- order = "visitors DESC, hits DESC, network, country, class"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- network = { kind = "key", unit = "AS number and name", meaning = "the autonomous system" }
-- country = { kind = "key", unit = "ISO 3166 code", meaning = "country of the address" }
-- class = { kind = "key", unit = "network class", meaning = "own, crawler, datacenter, vpn, tor, relay, mobile or other" }
-- visitors = { kind = "visitors", unit = "visitors", meaning = "visitors from this network; of several days: visitors of each day, added" }
-- hits = { kind = "measure", of_each_visitor = true, unit = "page views", meaning = "their page views" }
-- errors = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, error templates (status 400 and above); empty below 5" }
-- ipv6 = { kind = "measure", part_of = "hits", unit = "page views", meaning = "of these, over IPv6; empty below 5" }
-- robots = { kind = "robots", unit = "page views", meaning = "page views of declared robots; not in the other numbers" }
--
-- [en]
-- title = "Networks"
-- answer = """\
-- Most visitors come through {network} ({country}, {class}): about {visitors} visitors, {errors} of {hits} page views \
-- were errors."""
-- limits = """\
-- Network and country come from the address files of the day; without them they are 'unknown'. A network of at least 3 \
-- visitors, but fewer than 5 after noise, is named without numbers; one of fewer is not named; the clinic's own networks are left out."""
--
-- [ru]
-- title = "Сети"
-- question = "Через какие сети приходят посетители и не получают ли посетители одной из сетей ошибки?"
-- answer = """\
-- Больше всего посетителей из сети {network} ({country}, {class}): около {visitors}, ошибок {errors} на {hits} \
-- просмотров."""
-- limits = """\
-- Сеть и страна взяты из файлов адресов на тот день; без файлов они неизвестны (`unknown`). Сеть, у которой не меньше 3 \
-- посетителей, но с шумом меньше 5, названа без чисел; с меньшим числом не названа; собственные сети клиники не учтены."""

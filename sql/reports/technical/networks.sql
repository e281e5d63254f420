-- Through which networks do visitors come, and do visitors of one network get errors?
SELECT
    if(asn = 0, 'unknown', trimRight(concat('AS', toString(asn), ' ', as_org))) AS network,
    if(country = '', 'unknown', country) AS country,
    net_class AS class,
    countIf(robot = '') AS hits,
    countIf(robot = '' AND status >= 400) AS errors,
    countIf(robot = '' AND ip_version = 6) AS ipv6,
    countIf(robot != '') AS robots,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed
FROM events
WHERE kind = 'pageview'
GROUP BY network, country, class

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "visitors"
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
-- visitors = { kind = "visitors", unit = "visitors", meaning = "distinct visitors, declared robots left out" }
-- hits = { kind = "measure", unit = "page views", meaning = "their page views" }
-- errors = { kind = "measure", unit = "page views", meaning = "of these, error templates (status 400 and above)" }
-- ipv6 = { kind = "measure", unit = "page views", meaning = "of these, over IPv6" }
-- robots = { kind = "measure", unit = "hits", meaning = "hits of declared robots; rows with robots alone are left out" }
--
-- [en]
-- title = "Networks"
-- answer = """\
-- Most visitors come through {network} ({country}, {class}): about {visitors} visitors, {errors} of {hits} page views \
-- were errors."""
-- limits = """\
-- Network and country come from the address files of the day; without them they are 'unknown'. Networks with fewer \
-- than {min_visitors} people are together in 'other'. Numbers are rounded to multiples of {min_visitors}, up or down."""
--
-- [ru]
-- title = "Сети"
-- question = "Через какие сети приходят посетители и не получают ли посетители одной из сетей ошибки?"
-- answer = """\
-- Больше всего посетителей из сети {network} ({country}, {class}): около {visitors}, ошибок {errors} на {hits} \
-- просмотров."""
-- limits = """\
-- Сеть и страна взяты из файлов адресов на тот день; без файлов они 'unknown'. Сети, в которых меньше {min_visitors} \
-- человек, сложены в 'other'. Числа округлены до кратных {min_visitors} вверх или вниз."""

-- title.en: Networks
-- title.ru: Сети
-- question.en: Through which networks do visitors come, and does one of them meet errors?
-- question.ru: Через какие сети приходят посетители и не встречает ли одна из них ошибки?
-- answer.en: Most visitors come through {network} ({country}, {class}): about {visitors} visitors, {errors} of {hits} page views were errors.
-- answer.ru: Больше всего посетителей из сети {network} ({country}, {class}): около {visitors}, ошибок {errors} на {hits} просмотров.
-- purpose: technical
-- role: ops
-- parameter.site: String
-- parameter.since: DateTime64(3, 'UTC') = 24h
-- parameter.until: DateTime64(3, 'UTC') = 0h
-- column.network: key, AS number and name; the autonomous system
-- column.country: key, ISO 3166 code; country of the address
-- column.class: key, network class; own, crawler, datacenter, vpn, tor, relay, mobile or other
-- column.visitors: visitors, visitors; distinct visitors, declared robots left out
-- column.hits: measure, page views; their page views
-- column.errors: measure, page views; of these, error templates (status 400 and above)
-- column.ipv6: measure, page views; of these, over IPv6
-- column.robots: measure, hits; hits of declared robots; rows with robots alone are left out
-- chart: table
-- order: visitors DESC, hits DESC, network, country, class
-- rank: visitors
-- threshold: min_visitors
-- limits.en: Network and country come from the address files of the day; without them they are 'unknown'. Networks with fewer than
--   {min_visitors} people are together in 'other'. Numbers are rounded to multiples of {min_visitors}, up or down.
-- limits.ru: Сеть и страна взяты из файлов адресов на тот день; без файлов они 'unknown'. Сети, в которых меньше {min_visitors}
--   человек, сложены в 'other'. Числа округлены до кратных {min_visitors} вверх или вниз.
SELECT
    if(asn = 0, 'unknown', trimRight(concat('AS', toString(asn), ' ', as_org))) AS network,
    if(replaceAll(toString(country), '\0', '') = '', 'unknown', toString(country)) AS country,
    net_class AS class,
    countIf(robot = '') AS hits,
    countIf(robot = '' AND status >= 400) AS errors,
    countIf(robot = '' AND ip_version = 6) AS ipv6,
    countIf(robot != '') AS robots,
    uniqExactMapState(person) AS people,
    groupBitXor(sipHash64(event_id)) AS seed,
    0 AS sensitive
FROM events
WHERE kind = 'pageview'
GROUP BY network, country, class

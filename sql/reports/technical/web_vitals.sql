-- On which pages and devices is the site slow, late to react or jumpy?
SELECT
    $load,
    arrayJoin([$all, $page_group]) AS page_group,
    if(device = '', 'unknown', toString(device)) AS device,
    toString(name) AS metric,
    value <= transform(
        metric, ['LCP', 'INP', 'CLS', 'TTFB'],
        [{lcp_good:Float64}, {inp_good:Float64}, {cls_good:Float64}, {ttfb_good:Float64}], 0.
    ) AS good,
    value > transform(
        metric, ['LCP', 'INP', 'CLS', 'TTFB'],
        [{lcp_poor:Float64}, {inp_poor:Float64}, {cls_poor:Float64}, {ttfb_poor:Float64}], 0.
    ) AS poor,
    NOT good AND NOT poor AS fair
FROM measurements
WHERE kind = 'vital'
    AND name IN ('LCP', 'INP', 'CLS', 'TTFB')

-- purpose = "technical"
-- role = "ops"
-- chart = "bar"
-- rank = "poor"
-- shape = "sparse"
-- order = "poor DESC, loads DESC, page_group = '(all)' DESC, page_group, device, metric"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- page_group = { kind = "key", unit = "path", meaning = "first part of the address, or a sensitive group; the rows (all) hold the others" }
-- device = { kind = "key", unit = "word", meaning = "kind of device: pc, phone, tablet, ..." }
-- metric = { kind = "key", unit = "name", meaning = "LCP: until the largest part is visible; INP: until it reacts to input; CLS: how much it jumps; TTFB: until the first byte" }
-- loads = { kind = "loads", unit = "page loads", meaning = "page loads that sent the metric; of several days: those of each day, added" }
-- good = { kind = "measure", unit = "page loads", meaning = "of these, with a good value; empty below 5" }
-- fair = { kind = "measure", unit = "page loads", meaning = "of these, between good and poor (web.dev: needs improvement); empty below 5" }
-- poor = { kind = "measure", unit = "page loads", meaning = "of these, with a poor value; empty below 5" }
-- good_share = { kind = "derived", unit = "percent", meaning = "good among loads, of the numbers as published", expression = "if(good > loads, 100, round(100 * good / loads, 1))" }
--
-- # The 75th percentile is good where 75 of 100 page loads are, and poor where more than 25 are.
-- [columns.verdict]
-- kind = "derived"
-- type = "String"
-- unit = "word"
-- meaning = "range of the 75th percentile: good, fair or poor; empty where too few page loads are in the published numbers"
-- expression = """\
-- multiIf(ifNull(loads, 0) < {verdict_from:UInt32}, NULL, good_share >= 75, 'good', poor > 0.25 * loads, 'poor', \
-- ifNull(good, 0) + ifNull(fair, 0) + ifNull(poor, 0) < 0.75 * loads, NULL, 'fair')"""
--
-- # Source: web.dev/articles/vitals, web.dev/articles/ttfb.
-- [thresholds]
-- lcp_good = { default = 2500, meaning = "LCP in milliseconds up to which it is good" }
-- lcp_poor = { default = 4000, meaning = "LCP in milliseconds above which it is poor" }
-- inp_good = { default = 200, meaning = "INP in milliseconds up to which it is good" }
-- inp_poor = { default = 500, meaning = "INP in milliseconds above which it is poor" }
-- cls_good = { default = 0.1, meaning = "CLS up to which it is good" }
-- cls_poor = { default = 0.25, meaning = "CLS above which it is poor" }
-- ttfb_good = { default = 800, meaning = "TTFB in milliseconds up to which it is good" }
-- ttfb_poor = { default = 1800, meaning = "TTFB in milliseconds above which it is poor" }
-- verdict_from = { default = 20, meaning = "page loads from which there is a verdict" }
--
-- [en]
-- title = "Web vitals"
-- answer = "Most poor values: {metric}, pages {page_group}, device {device}: {poor} of {loads} page loads. Verdict: {verdict}."
-- limits = """\
-- Needs `data-technical="vitals"`; Safari and Firefox send only a part of the metrics. Good up to {lcp_good} ms (LCP), {inp_good} ms (INP), \
-- {cls_good} (CLS), {ttfb_good} ms (TTFB); poor above {lcp_poor} ms, {inp_poor} ms, {cls_poor}, {ttfb_poor} ms (web.dev/vitals). A verdict \
-- needs {verdict_from} page loads. A group of pages is named if a page of it is publicly known, a sensitive group from 20 page loads. Page \
-- loads are counted, not visitors."""
--
-- [ru]
-- title = "Скорость страниц"
-- question = "На каких страницах и устройствах сайт медленный, поздно откликается или прыгает?"
-- answer = "Больше всего плохих значений: {metric}, страницы {page_group}, устройство {device}: {poor} из {loads} загрузок. Оценка: {verdict}."
-- limits = """\
-- Нужна метка с `data-technical="vitals"`; Safari и Firefox присылают не все показатели. Хорошо - до {lcp_good} мс (LCP), {inp_good} мс \
-- (INP), {cls_good} (CLS), {ttfb_good} мс (TTFB); плохо - больше {lcp_poor} мс, {inp_poor} мс, {cls_poor}, {ttfb_poor} мс (web.dev/vitals). \
-- Для оценки нужно не меньше {verdict_from} загрузок. Раздел назван, если его страница общедоступна, чувствительная группа - от 20 \
-- загрузок. Считаются загрузки страниц, а не посетители."""

-- Which script errors do page loads meet, and in which browser and release?
SELECT
    $load,
    if(template = '', name, concat(name, ': ', template)) AS error,
    if(source_host = '', 'unknown', concat(source_host, ':', source_file, ':', toString(source_line))) AS source,
    release,
    arrayJoin([$all, if(browser IN ('', 'Other', 'other'), 'unknown', browser)]) AS browser
FROM measurements
WHERE kind = 'js_error'

-- purpose = "technical"
-- role = "ops"
-- chart = "table"
-- rank = "loads"
-- shape = "sparse"
-- order = "loads DESC, error, source, release, browser = '(all)' DESC, browser"
--
-- [parameters]
-- site = { type = "String" }
-- since = { type = "DateTime64(3, 'UTC')", default = "24h" }
-- until = { type = "DateTime64(3, 'UTC')", default = "0h" }
--
-- [columns]
-- error = { kind = "key", unit = "text", meaning = "class and message of the error; addresses, quoted texts, numbers and rare words are left out" }
-- source = { kind = "key", unit = "host:file:line", meaning = "place in the code; unknown where the browser does not tell" }
-- release = { kind = "key", unit = "text", meaning = "release of the site (`data-release`)" }
-- browser = { kind = "key", unit = "name", meaning = "browser family; the row (all) holds the rows of the single ones" }
-- loads = { kind = "loads", unit = "page loads", meaning = "page loads that met the error; of several days: those of each day, added" }
-- measured = { kind = "measured", unit = "page loads", meaning = "page loads of the whole site that sent a vital in the same days; empty if the tag does not ask for vitals" }
-- share = { kind = "derived", unit = "percent", meaning = "loads among the measured ones, of the numbers as published", expression = "if(loads > measured, 100, round(100 * loads / nullIf(measured, 0), 1))" }
-- first_seen = { kind = "first", unit = "time of the site", meaning = "begin of the first published day with the error" }
--
-- [en]
-- title = "Script errors"
-- answer = "Most page loads met {error} (place: {source}): about {loads}."
-- limits = """\
-- Needs `data-technical="errors"`, for the share also `vitals`. Page loads are counted, not events and not visitors: a visitor may have \
-- several. Scripts of browser extensions are left out where the browser tells their address. Errors of foreign scripts are \
-- "Script error." without a place unless they are loaded with `crossorigin`. An error of fewer than 5 page loads is not named."""
--
-- [ru]
-- title = "Ошибки скриптов"
-- question = "Какие ошибки скриптов встречаются при загрузке страниц, в каком браузере и с какого релиза сайта?"
-- answer = "Чаще всего встречалась ошибка {error} (место: {source}): загрузок страниц около {loads}."
-- limits = """\
-- Нужна метка с `data-technical="errors"`, для доли ещё и `vitals`. Считаются загрузки страниц, а не события и не посетители: у одного \
-- посетителя их может быть несколько. Скрипты расширений браузера не учтены, если браузер сообщает их адрес. Ошибки чужих скриптов видны \
-- только как `Script error.` без места, если скрипт подключён без `crossorigin`. Ошибка, у которой меньше 5 загрузок, не названа."""

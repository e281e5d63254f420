-- What could a firewall be told about the confirmed cases of the last 28 days? One row for each rule; nothing here is applied by anybody.
-- A rule is never by address. It reaches all rows with its words, and each row of this view says whom else it would have hit:
--   people      clients outside of the confirmed cases that came back with a cookie, booked, or sent a program on their behalf.
--   uncounted   page views of browsers without a visitor (opt-out, privacy signal, sensitive page): nobody can say how many people they are.
--   known       hits of programs that are known and wanted: verified crawlers, signed agents, the site's own checks and networks.
-- Only a rule that hits none of them is advised as a block. A network is named only if it is one of hosting and no such person came from it.
-- `pattern` shows the form of an attack by examples: the stored rows have its kind, never its text.
WITH
    toStartOfDay(now('UTC')) - toIntervalDay(27) AS first_day,
    $members,
    guilty AS (
        SELECT site, day, suspect FROM members INNER JOIN states USING (case)
        -- A suspect that is unclear by itself may be a person who shares something with the others of its case.
        WHERE day >= toDate(first_day) AND states.state = 'confirmed' AND band != 'unclear'
    ),
    received AS (
        SELECT * FROM pixel.events WHERE received_at >= first_day AND site IN (SELECT site FROM guilty)
    ),
    $once,
    hits AS (
        SELECT
            *,
            if(visitor != 0, visitor, sipHash64(epoch, ip_token, ua_token)) AS suspect,
            (site, toDate(received_at, 'UTC'), suspect) IN (SELECT site, day, suspect FROM guilty) AS is_member,
            net_class IN ('own', 'crawler') OR agent_signed = 'verified' OR startsWith(robot, 'monitor:') AS is_known,
            cookie_state = 'returning' OR page_role = 'done' OR $is_sent_by_a_person AS is_person,
            visitor = 0 AND robot = '' AND kind = 'pageview' AS is_uncounted,
            has(ivt_reasons, 'false_crawler') AS is_false_name,
            hasAny(ivt_reasons, ['automation_token', 'http_library', 'robot_scanner']) AND positionCaseInsensitive(ua_raw, robot) > 0 AS is_named,
            arrayFilter(each -> each.1 != '', [
                (if(asn = 0, '', 'network'), toString(asn), toString(country), net_class = 'datacenter'),
                (if(attack = '', '', 'path'), toString(attack), '', true),
                (if(robot = '' OR is_false_name, '', 'agent'), toString(robot), '', is_named),
                (if(robot != '' AND is_false_name, 'false_name', ''), toString(robot), '', true)
            ]) AS reached
        FROM received
        WHERE $is_first
    ),
    rules AS (
        SELECT
            site,
            rule.1 AS form,
            rule.2 AS word,
            rule.3 AS place,
            countIf(is_member AND rule.4) AS case_hits,
            anyIf(toString(as_org), is_member) AS org,
            uniqExactIf(suspect, NOT is_member AND is_person) AS people,
            countIf(NOT is_member AND is_uncounted) AS uncounted,
            countIf(NOT is_member AND is_known) AS known,
            if(people + uncounted + known = 0, 'block', 'challenge') AS action,
            transform(
                word,
                ['traversal', 'dotfile', 'cms_door', 'sql', 'script', 'lookup'],
                [
                    '/../, /etc/passwd', '/.env, /.git/, /.aws/', '/wp-login.php, /xmlrpc.php, /phpmyadmin/',
                    'union select, sleep(', '<script, php://', '$' || '{jndi:'
                ],
                ''
            ) AS pattern
        FROM hits
        ARRAY JOIN reached AS rule
        GROUP BY site, form, word, place
        HAVING case_hits > 0 AND (form != 'network' OR people = 0)
    )
SELECT
    site,
    form,
    if(form = 'network', concat('AS', word), word) AS word,
    place AS country,
    if(form = 'network', org, '') AS as_org,
    if(form = 'path', pattern, '') AS examples,
    action,
    case_hits,
    people,
    uncounted,
    known,
    concat(
        if(action = 'block', 'A rule may block ', 'Challenge, do not block: '),
        multiIf(
            form = 'network', concat('the hosting network ', word, if(as_org = '', '', concat(' (', as_org, ')')), if(country = '', '', concat(' in ', country))),
            form = 'path', concat('requests of the form ', word, ', such as ', examples),
            form = 'agent', concat('agents with the word "', word, '"'),
            concat('agents with the word "', word, '" from outside of the published addresses of its operator')
        ),
        '. Hits of confirmed cases: ', toString(case_hits), '. In the last 28 days it would have hit people: ', toString(people),
        ', page views of nobody who can be counted: ', toString(uncounted), ', hits of known programs: ', toString(known), '.'
    ) AS suggestion,
    concat(
        if(action = 'block', 'Правило может блокировать ', 'Проверять, не блокировать: '),
        multiIf(
            form = 'network', concat('сеть хостинга ', word, if(as_org = '', '', concat(' (', as_org, ')')), if(country = '', '', concat(', страна ', country))),
            form = 'path', concat('запросы вида ', word, ', например ', examples),
            form = 'agent', concat('агенты со словом "', word, '"'),
            concat('агенты со словом "', word, '" не с опубликованных адресов владельца')
        ),
        '. Обращений в подтверждённых делах: ', toString(case_hits), '. За последние 28 дней правило задело бы людей: ', toString(people),
        ', просмотров без посетителя: ', toString(uncounted), ', обращений известных программ: ', toString(known), '.'
    ) AS suggestion_ru
FROM rules
ORDER BY site, action, case_hits DESC, form, word, country

-- question_ru = "Что можно сказать межсетевому экрану о подтверждённых делах последних 28 дней?"
--
-- [columns]
-- site = ["String", "site of the settings"]
-- form = ["String", "what the rule is about: network, path or agent"]
-- word = ["String", "number of the network, kind of the attack, or word of the agent"]
-- country = ["String", "country of the network; empty for other rules"]
-- as_org = ["String", "name of the network"]
-- examples = ["String", "examples of the requests"]
-- action = ["String", "block, or challenge where somebody else would be hit"]
-- case_hits = ["UInt64", "hits of confirmed cases that the rule covers"]
-- people = ["UInt64", "people of the last 28 days that it would have hit"]
-- uncounted = ["UInt64", "page views without a visitor that it would have hit"]
-- known = ["UInt64", "hits of known programs that it would have hit"]
-- suggestion = ["String", "the rule in words"]
-- suggestion_ru = ["String", "the same in Russian"]

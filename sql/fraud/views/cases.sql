-- Which cases are there, what did they touch, and what was decided?
WITH
    $members
SELECT
    case,
    any(members.site) AS site,
    toString(max(members.band)) AS band,
    round(max(members.score), 1) AS score,
    min(members.first_seen) AS first_seen,
    max(members.last_seen) AS last_seen,
    sum(members.views + members.impressions) AS hits,
    uniqExact(suspect) AS subjects,
    arraySort(groupUniqArrayArray(members.touched)) AS touched,
    argMax(members.reasons, members.score) AS reasons,
    argMax(members.reasons_ru, members.score) AS reasons_ru,
    arrayDistinct(arrayMap(signal -> $innocent[signal], $weighty)) AS innocent_explanation,
    arrayDistinct(arrayMap(signal -> $innocent_ru[signal], $weighty)) AS innocent_explanation_ru,
    round($harm, 2) AS harm,
    $harm_unit AS harm_unit,
    arraySum(mapValues(sumMap(members.paid_clicks))) AS paid_clicks,
    any(states.state) AS state,
    max(members.is_sample) AS is_sample,
    arrayFilter(id -> id != case, arraySort(arrayDistinct(arrayConcat(groupUniqArray(members.case_id), groupUniqArrayArray(members.aliases))))) AS aliases,
    argMax(rules_version, computed_at) AS rules
FROM members
INNER JOIN states USING (case)
GROUP BY case
-- What is unclear has done no harm that anybody knows of.
ORDER BY band = 'unclear', harm DESC, hasAny(touched, ['booking', 'login']) DESC, score DESC, case

-- question_ru = "Какие есть дела, что они затронули и что решено?"
--
-- [columns]
-- case = ["String", "number of the case; `clinic-pixel fraud case` shows all of it"]
-- site = ["String", "site of the settings"]
-- band = ["String", "unclear, watch or likely: that of its worst suspect"]
-- score = ["Float64", "points of its worst suspect with the prior of -40; 0 is even odds"]
-- first_seen = ["DateTime64(3, 'UTC')", "first event of its suspects on the scored days"]
-- last_seen = ["DateTime64(3, 'UTC')", "last event of its suspects"]
-- hits = ["UInt64", "page views and views of ad blocks of its suspects"]
-- subjects = ["UInt64", "number of suspects; one without cookie is another one each day"]
-- touched = ["Array(String)", "ads, booking, login"]
-- reasons = ["Array(String)", "the three heaviest reasons of its worst suspect, with what is usual"]
-- reasons_ru = ["Array(String)", "the same in Russian"]
-- innocent_explanation = ["Array(String)", "innocent causes that a reviewer rules out first"]
-- innocent_explanation_ru = ["Array(String)", "the same in Russian"]
-- harm = ["Float64", "paid clicks, each times its cost (setting fraud.click_cost); without costs their number"]
-- harm_unit = ["String", "unit of harm: the currency of the settings, or clicks"]
-- paid_clicks = ["UInt64", "paid clicks of its suspects"]
-- state = ["String", "new, confirmed, innocent, unsure, own_monitor, known_crawler: the newest verdict; reopened: the band rose since"]
-- is_sample = ["Bool", "an unclear case that was drawn by chance for a reviewer"]
-- aliases = ["Array(String)", "numbers of cases that joined this one"]
-- rules = ["String", "version of the rules"]

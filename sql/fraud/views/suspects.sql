-- Who is in a case, by day, with the token that `reveal` and `relink` ask for?
WITH
    $members
SELECT
    case,
    site,
    day,
    subject,
    toString(band) AS band,
    round(score, 1) AS score,
    families,
    client,
    as_org AS network,
    country,
    net_class,
    toString(ip_token) AS ip_token,
    epoch,
    views,
    impressions,
    arraySum(mapValues(paid_clicks)) AS paid_clicks,
    first_seen,
    last_seen
FROM members
ORDER BY case, day, score DESC, subject

-- question_ru = "Кто входит в дело, по дням, и какой токен спросить у `reveal` и `relink`?"
--
-- [columns]
-- case = ["String", "number of the case"]
-- site = ["String", "site of the settings"]
-- day = ["Date", "UTC day on which this client was scored"]
-- subject = ["String", "the client on this day; another day has another number"]
-- band = ["String", "unclear, watch or likely"]
-- score = ["Float64", "points with the prior of -40"]
-- families = ["Map(String, Float64)", "points of each kind of observation"]
-- client = ["String", "browser and system"]
-- network = ["String", "name of the provider"]
-- country = ["String", "ISO 3166 code"]
-- net_class = ["String", "kind of the network"]
-- ip_token = ["String", "the day's pseudonym of its address, for `reveal --token`"]
-- epoch = ["Date", "day of the key that made the token, for `reveal --epoch`"]
-- views = ["UInt64", "page views"]
-- impressions = ["UInt64", "views of ad blocks"]
-- paid_clicks = ["UInt64", "paid clicks"]
-- first_seen = ["DateTime64(3, 'UTC')", "its first event of the day"]
-- last_seen = ["DateTime64(3, 'UTC')", "its last event of the day"]

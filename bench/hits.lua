-- The mix of design: many addresses of both kinds, agents with a long tail, pages to scrub, a new nonce in every hit.
DAY = os.getenv("BENCH_DAY") or "20000"
local agents, pages, n = {}, {}, 0
math.randomseed(7)
for i = 1, 300 do
  agents[i] = string.format(
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.0 Safari/537.36",
    100 + i % 44, i)
end
for i = 1, 200 do
  pages[i] = string.format("https%%3A%%2F%%2Fclinic.example%%2Fdoctors%%2Fpage-%d%%2F%%3Futm_source%%3Dyandex%%26id%%3D%d", i, 100000 + i)
end
request = function()
  n = n + 1
  local k = math.random(10000)
  local address
  if k % 4 == 0 then address = string.format("2001:db8:%x::%x", k % 4096, k) else
    address = string.format("198.%d.%d.%d", 18 + k % 2, math.floor(k / 250), k % 250) end
  local headers = {
    ["User-Agent"] = agents[math.min(300, 1 + math.floor(math.abs(math.log(math.random() + 1e-9)) * 40))],
    ["X-Forwarded-For"] = address,
    ["X-Forwarded-Proto"] = "https",
  }
  if k % 5 ~= 0 then headers["Cookie"] = string.format("lang=ru; __Host-px=1.%s.%022d", DAY, k % 5000) end
  if k % 20 == 0 then headers["Sec-GPC"] = "1" end
  return wrk.format("GET", "/p.gif?s=clinic&m=js&r=https%3A%2F%2Fya.ru%2F&u=" .. pages[1 + n % 200] .. "&n=" .. (n * 4096 + k), headers)
end

-- Hits with a number each, from many addresses; SOAK_PAUSE_MS is the pause of a connection between its answers and its next hit.
local n = tonumber(os.getenv("SOAK_FIRST"))
local first, pause = n, tonumber(os.getenv("SOAK_PAUSE_MS"))
local workers = {}

function setup(thread) table.insert(workers, thread) end

function delay() return pause > 0 and math.random(0, 2 * pause) or 0 end

function request()
  n = n + 1
  sent = n - first
  local headers = {
    ["User-Agent"] = string.format("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 100 + n % 44),
    ["X-Forwarded-For"] = string.format("198.%d.%d.%d", 18 + n % 2, math.floor(n / 2) % 250, n % 251),
  }
  return wrk.format("GET", string.format("/p.gif?s=clinic&m=js&u=https%%3A%%2F%%2Fclinic.example%%2Fdoctors%%2Fpage-%d%%2F&n=%d", n % 200, n), headers)
end

function done(summary)
  local all = 0
  for _, thread in ipairs(workers) do all = all + (thread:get("sent") or 0) end
  local e = summary.errors
  print(string.format('{"sent": %d, "answered": %d, "refused": %d, "broken": %d, "microseconds": %d}', all, summary.requests, e.status,
    e.connect + e.read + e.write + e.timeout, summary.duration))
end

-- wrk plays the requests of bench/mixes.py from the file BENCH_REQUESTS. Each hit fills the marks of its request with a
-- new number, from BENCH_FIRST on: {n} decimal, {c} with 22 digits, {a} as two parts of an IPv6 address.
local requests, n = {}, tonumber(os.getenv("BENCH_FIRST") or "0")
local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
for text in file:read("*a"):gmatch("([^%z]+)") do requests[#requests + 1] = text end
file:close()
local marks = {}
request = function()
  n = n + 1
  marks.n = string.format("%d", n)
  marks.c = string.format("%022d", n)
  marks.a = string.format("%x:%x", n % 65536, math.floor(n / 65536))
  return (requests[1 + n % #requests]:gsub("{(%a)}", marks))
end

-- Book, ticker and bars of all pairs at about 10,000 requests a second, and whether the targets are met.
--
--   wrk -t1 -c100 -d60s -s bench/wrk/api.lua http://127.0.0.1:8080
--
-- Each of the 100 connections asks, waits for the answer and then 9.6 ms. What counts is the time from the request to the answer's end.

local pause = 9.6

function init(arguments)
  local answer = io.popen(string.format("curl -sf http://%s:%s/api/v1/symbols", wrk.host, wrk.port)):read("*a")
  requests = {}
  for symbol in answer:gmatch('"symbol":"([%w_]+)"') do
    requests[#requests + 1] = wrk.format("GET", "/api/v1/book/" .. symbol .. "?depth=20")
    requests[#requests + 1] = wrk.format("GET", "/api/v1/ticker/" .. symbol)
    requests[#requests + 1] = wrk.format("GET", "/api/v1/bars/" .. symbol .. "?limit=60")
  end
  assert(#requests > 0, "no book is served there")
  math.randomseed(os.time())
end

function request()
  return requests[math.random(#requests)]
end

function delay()
  return pause
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local p50, p95, p99 = latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3
  local rate = summary.requests / summary.duration * 1e6
  print(string.format("%.0f requests a second, %d failed; ms: p50 %.2f, p95 %.2f, p99 %.2f", rate, failed, p50, p95, p99))
  print((failed == 0 and p95 <= 1 and p99 <= 3) and "met: p95 <= 1, p99 <= 3" or "MISSED: p95 <= 1, p99 <= 3, no failure")
end

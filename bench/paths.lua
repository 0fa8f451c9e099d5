-- wrk -s bench/paths.lua URL -- FILE [once]: asks for the paths in a file, one a line, in turn, then again from the first
-- or, with `once`, no longer; and ends with what happened as a line of JSON.
local requests, at, once = {}, 0, false

function init(arguments)
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
  once = arguments[2] == "once"
end

function request()
  if at == #requests then
    if once then wrk.thread:stop() end
    at = 0
  end
  at = at + 1
  return requests[at]
end

function done(summary)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"replies": %d, "microseconds": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, errors.status, broken))
end

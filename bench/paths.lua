-- wrk -s bench/paths.lua URL -- FILE: asks for the paths in a file, one a line, in turn and again from the first, and
-- ends with what happened as a line of JSON.
local requests, at = {}, 0

function init(arguments)
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"replies": %d, "microseconds": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, errors.status, broken))
end

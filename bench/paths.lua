-- wrk -s bench/paths.lua URL -- FILE [once]: asks for the paths in a file, one a line, in turn, then again from the first
-- or, with `once`, no longer; and ends with what happened as a line of JSON. One thread.
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int clock, moment *now);")

local requests, at, once, thread = {}, 0, false, nil
began, ended = 0, 0 -- what `done` reads of the thread has to be global

local function now()
  local moment = ffi.new("moment")
  ffi.C.clock_gettime(1, moment) -- the clock that nobody sets
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

function setup(the_only_thread)
  thread = the_only_thread
end

function init(arguments)
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
  once = arguments[2] == "once"
end

function request()
  if began == 0 then began = now() end
  if at == #requests then
    if once and ended == 0 then
      ended = now()
      wrk.thread:stop() -- wrk itself ends when its time is over, not now
    end
    at = 0
  end
  at = at + 1
  return requests[at]
end

function done(summary)
  local errors, duration = summary.errors, summary.duration
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  if thread:get("ended") > 0 then duration = thread:get("ended") - thread:get("began") end
  io.write(string.format('{"replies": %d, "microseconds": %d, "refused": %d, "broken": %d}\n',
    summary.requests, duration, errors.status, broken))
end

"""What has to happen to one hash at once: Lua scripts, each about one key, so that they run on a Redis Cluster too.

A shopper's hash holds either `d`, the mark of a change under way, and nothing else; or `v`, its version (epoch and
chance), the packed histories under `history/...` and answers under `answer/...`, each beginning with the version it
was worked out from. Scripts are sent whole (EVAL): about 400 bytes, and no server has to be taught them first. What a
key of another type would make fail is a `pcall`: such a key is replaced.
"""

CLAIM = """
local found = redis.pcall('HMGET', KEYS[1], 'd', 'v', ARGV[4])
if not found.err then
  if found[1] then return {false, false} end
  local version = found[2]
  if version and #version == #ARGV[2] and string.sub(version, 1, #ARGV[1]) == ARGV[1] then
    return {version, found[3]}
  end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'v', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {ARGV[2], false}
"""
"""epoch, new version, keep ms, history field -> the version to keep with and the history; no version: changing."""

KEEP = """
if redis.pcall('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[4]) and redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(name, 1, 7) == 'answer/' then redis.call('HDEL', KEYS[1], name) end
  end
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
"""
"""version, field, value, most answers -> 1 if kept. The hash ends when it would have ended."""

BEGIN = """
local taken = {false}
local names = ARGV[3] == '1' and redis.pcall('HKEYS', KEYS[1]) or {}
if not names.err then
  for _, name in ipairs(names) do
    if name == 'v' then taken[1] = redis.call('HGET', KEYS[1], name) end
    if string.sub(name, 1, 8) == 'history/' then
      taken[#taken + 1] = name
      taken[#taken + 1] = redis.call('HGET', KEYS[1], name)
    end
  end
end
redis.call('DEL', KEYS[1])
redis.pcall('HSET', KEYS[1], 'd', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return taken
"""
"""mark, mark ms, 1 to take histories out -> version, then field and value of each history. A full server drops the
hash all the same; without a mark the end of the change drops it once more."""

END = """
local mark = redis.pcall('HGET', KEYS[1], 'd')
redis.call('DEL', KEYS[1])
if mark ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
"""mark, new version, keep ms, then field and value of each history -> 1 if they were put back."""

RAISE = """
redis.call('DEL', KEYS[1])
return redis.call('SET', KEYS[1], ARGV[1])
"""
"""new epoch. On a full server that refuses the second line, nothing counts until somebody can write one."""

-- Appends ARGV[5] and all that follow. The caller has confirmed the log of the
-- epoch ARGV[2] in the run ARGV[1] of the server, and knows that it had the
-- message with the id ARGV[3], or none (''). If that is no longer so, nothing is
-- appended, and the reply is empty. ARGV[4] is the field of the node.
--
-- It runs for every event, so it makes do without the functions of the others.
local log, meta = KEYS[1], KEYS[2]
local m = redis.call('HMGET', meta, 'run', 'epoch', 'last', 'tag')
local last, known = m[3], ARGV[3]
if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] or not last or not m[4] then
	return {}
end
local dash = string.find(last, '-', 1, true)
local offset, at = tonumber(string.sub(last, 1, dash - 1)), tonumber(string.sub(last, dash + 1, -7)) or 0
if known ~= '' and known ~= last then
	local place = string.match(known, '^%d+')
	local found = redis.call('XRANGE', log, place, place, 'COUNT', 1)[1]
	if tonumber(place) > offset or found and found[1] ~= known then
		return {}
	end
end

local time = redis.call('TIME')
local empty = at == 0
at = math.max(at, time[1] * 1000 + math.floor(time[2] / 1000))
local rest = string.format('-%.0f', at) .. m[4]
local done, failed
for i = 5, #ARGV do
	local id = string.format('%.0f', offset + i - 4) .. rest
	local reply
	if i == 5 and not empty then
		reply = redis.pcall('XADD', log, 'NOMKSTREAM', id, 'm', ARGV[i])
	else
		reply = redis.pcall('XADD', log, id, 'm', ARGV[i])
	end
	if not reply then -- the stream has gone
		return {}
	end
	if type(reply) == 'table' then
		failed = reply
		break
	end
	done = id
end
if done then
	redis.call('HSET', meta, 'last', done, ARGV[4], ARGV[1] .. string.format(' %.0f', at))
end
if failed and not done and string.find(failed.err, 'equal or smaller', 1, true) then
	return {}
end
return failed or {done}

-- Appends ARGV[5] and all that follow. The caller has confirmed that the log of
-- the epoch ARGV[2] is whole in the run ARGV[1] of the server, and that it
-- reaches the offset ARGV[3]. If that is no longer so, nothing is appended, and
-- the reply is empty.
local m = redis.call('HMGET', meta, 'run', 'epoch', 'last', 'tag')
if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] or not m[3] or not m[4] or info('server', 'run_id') ~= ARGV[1] then
	return {}
end
local offset, at = split(m[3])
if offset < tonumber(ARGV[3]) or at > 0 and redis.call('EXISTS', log) == 0 then
	return {}
end
at = math.max(at, now())
local rest = string.format('%.0f%s', at, m[4])
local last, failed
for i = 5, #ARGV do
	local id = string.format('%.0f-%s', offset + i - 4, rest)
	local reply = redis.pcall('XADD', log, id, 'm', ARGV[i])
	if type(reply) == 'table' and reply.err then
		failed = reply
		break
	end
	last = id
end
if last then
	redis.call('HSET', meta, 'last', last, 'node:' .. ARGV[4], string.format('%s %.0f', ARGV[1], at))
end
if failed and not last and string.find(failed.err, 'equal or smaller') then
	return {}
end
return failed or {last}

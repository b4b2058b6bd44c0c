-- Makes sure that the log is what it was, or gives it another epoch. Each node
-- calls it every second, and when the server may be another one.
--
-- ARGV: node, new epoch, new tag, grace in ms, age and number of messages to
-- keep, and pairs of epoch and id that the caller knows to have been in the log.
local node, grace, age, count = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local time = now()
if info('replication', 'role') ~= 'master' then
	return redis.error_reply('READONLY the server is a replica')
end

local f, nodes = {}, {}
local all = redis.call('HGETALL', meta)
for i = 1, #all, 2 do
	if string.sub(all[i], 1, 5) == 'node:' then
		nodes[string.sub(all[i], 6)] = all[i + 1]
	else
		f[all[i]] = all[i + 1]
	end
end
local top = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
top = top and top[1] or '0-0'
local last = f.last or '0-0'
if (f.version or '1') ~= '1' then
	return redis.error_reply('ERR the hash has version ' .. f.version .. ', this module needs 1')
end
local run, aof = info('server', 'run_id'), info('persistence', 'aof_enabled')
local whole = top == last or top == '0-0' and string.match(last, '%-0$') -- OFFSET-0 is an empty log
local moved = f.run ~= run -- the server was started again, or is another one

-- owes reports whether a node has not confirmed since the server moved.
local function owes(name)
	return name ~= node and string.match(nodes[name], '^(%x+) ') ~= (f.run or '')
end

-- lacks reports whether a message that was in the log is not. One that is gone
-- and has successors was trimmed.
local function lacks(id)
	local offset = split(id)
	if offset > (split(last)) then
		return true
	end
	local found = redis.call('XRANGE', log, string.format('%.0f', offset), string.format('%.0f', offset), 'COUNT', 1)[1]
	return found ~= nil and found[1] ~= id
end

local function why()
	if not f.epoch then
		return top == '0-0' and 'new' or 'the hash was lost'
	end
	if not whole then
		return 'messages were deleted'
	end
	for i = 7, #ARGV, 2 do
		if ARGV[i] == f.epoch and lacks(ARGV[i + 1]) then
			return 'the log has gone back to an earlier state'
		end
	end
	if moved and string.find(info('replication', 'master_replid2'), '[^0]') then
		return 'the server was promoted, or loaded a snapshot'
	end
	if moved and (aof ~= '1' or f.aof ~= '1') then
		return 'the server was started again and had no append-only file'
	end
	if not moved and f.doubt and time >= tonumber(f.doubt) then
		for name in pairs(nodes) do
			if owes(name) then
				return 'the server was started again, and a node that may know lost messages did not come back'
			end
		end
	end
end
local reason = why()

-- After a first write, full memory refuses no other.
local refused = redis.pcall('HDEL', meta, '-')
refused = type(refused) == 'table' and refused.err and refused
if refused and (reason or moved or string.find(refused.err, 'READONLY')) then
	return refused
end

local epoch, tag = f.epoch, f.tag
local function adopt()
	if reason then
		epoch = ARGV[2]
	end
	if not whole then
		redis.call('UNLINK', log)
		last = string.format('%.0f-0', math.max((split(top)), (split(last))))
	end
	tag = ARGV[3]
	redis.call('HSET', meta, 'version', 1, 'epoch', epoch, 'tag', tag, 'last', last, 'run', run)
end

-- settle notes which nodes have to confirm, and forgets those that have ended.
local function settle()
	local owing = false
	for name, value in pairs(nodes) do
		local its, seen = string.match(value, '^(%x+) (%d+)')
		local expired = its == run and tonumber(seen or 0) < time - grace
		if name ~= node and (reason or expired or not its) then
			redis.call('HDEL', meta, 'node:' .. name)
		elseif name ~= node and its ~= run then
			owing = true
		end
	end
	if not owing then
		redis.call('HDEL', meta, 'doubt')
	elseif moved or not f.doubt or tonumber(f.doubt) > time + grace then
		redis.call('HSET', meta, 'doubt', string.format('%.0f', time + grace))
	end
	redis.call('HSET', meta, 'aof', aof, 'node:' .. node, string.format('%s %.0f', run, time))
end

-- trim removes what is too old or too much, and never the last message.
local function trim()
	local first = entry(0)
	if not first then
		return
	end
	local offset, at = split(first)
	local ends = (split(last))
	local target = math.max(offset, ends - count + 1)
	if at < time - age then
		target = math.max(target, young(offset, ends, time - age))
	end
	target = math.min(target, ends, offset + 100000)
	if target > offset then
		redis.call('XTRIM', log, 'MINID', string.format('%.0f', target))
	end
end

if not refused then
	if reason or moved then
		adopt()
	end
	settle()
	trim()
end
return {run, epoch, last, tag, reason or ''}

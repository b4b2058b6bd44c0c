-- Returns the epoch, and ids and messages after the id ARGV[1]: at most ARGV[2]
-- messages, and at most ARGV[3] bytes unless the next few messages have more.
local reply, bytes, from, few = {redis.call('HGET', meta, 'epoch') or ''}, 0, ARGV[1], 8
repeat
	local entries = redis.call('XRANGE', log, '(' .. from, '+', 'COUNT', few)
	for _, e in ipairs(entries) do
		from = e[1]
		reply[#reply + 1] = e[1]
		reply[#reply + 1] = e[2][2]
		bytes = bytes + #e[2][2]
	end
until #entries < few or #reply > 2 * tonumber(ARGV[2]) or bytes >= tonumber(ARGV[3])
return reply

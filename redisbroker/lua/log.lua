-- What the scripts begin with, except publish. KEYS[1] is the stream, KEYS[2] the hash.
--
-- The id of a message is OFFSET-TIMETAG: the time in milliseconds, and six
-- digits that change whenever the log may have become another one.
local log, meta = KEYS[1], KEYS[2]

-- split returns the offset of an id and its time; 0 and 0 for an empty log.
local function split(id)
	local offset, rest = string.match(id, '^(%d+)%-(%d+)$')
	return tonumber(offset), tonumber(string.sub(rest, 1, -7)) or 0
end

local function info(section, name)
	local text = redis.call('INFO', section)
	local from = select(2, string.find(text, name .. ':', 1, true)) + 1
	return string.sub(text, from, string.find(text, '\r', from, true) - 1)
end

-- now is the time of the server in milliseconds.
local function now()
	local t = redis.call('TIME')
	return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- entry returns the id of the first message at or after an offset, or nil.
local function entry(offset)
	local found = redis.call('XRANGE', log, string.format('%.0f', offset), '+', 'COUNT', 1)[1]
	return found and found[1]
end

-- young returns the offset of the first message that is not older than a time.
local function young(first, last, since)
	local low, high = first, last + 1
	while low < high do
		local middle = math.floor((low + high) / 2)
		local id = entry(middle)
		if id and select(2, split(id)) < since then
			low = math.max(middle, (split(id))) + 1
		else
			high = middle
		end
	end
	return low
end

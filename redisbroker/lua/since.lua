-- Returns the epoch, and the id behind which a window of ARGV[1] ms begins.
local epoch, last = unpack(redis.call('HMGET', meta, 'epoch', 'last'))
local first = entry(0)
if not first then
	return {epoch or '', last or '0-0'}
end
local ends = (split(last or '0-0'))
local from = young((split(first)), ends, now() - tonumber(ARGV[1]))
if from > ends then
	return {epoch or '', last}
end
return {epoch or '', string.format('%.0f-18446744073709551615', from - 1)}

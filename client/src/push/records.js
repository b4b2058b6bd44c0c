/** What is known of a subscription, where a page and its worker both find it. It is
 *  lost together with the subscription, when a user clears the data of the site.
 *  @typedef {object} Record
 *  @property {string} mount
 *  @property {string} scope of the worker's registration
 *  @property {string} user
 *  @property {string} key of the server
 *  @property {string} endpoint
 *  @property {number} [saved] when the server got it, in ms since 1970 */

const name = "pull-push"

/** Private windows may have no storage: nothing is known there.
 *  @template Result
 *  @param {CacheStorage} caches
 *  @param {(cache: Cache) => Promise<Result>} use
 *  @returns {Promise<Result | undefined>} */
async function within(caches, use) {
  try {
    return await use(await caches.open(name))
  } catch {}
}

/** @param {CacheStorage} caches
 *  @param {(record: Record) => boolean} match
 *  @returns {Promise<Record | undefined>} */
export function find(caches, match) {
  return within(caches, async (cache) => {
    /** @type {Record[]} */
    const records = await Promise.all((await cache.matchAll()).map((response) => response.json()))
    return records.find(match)
  })
}

/** @param {CacheStorage} caches
 *  @param {Record} record replaces that of the same mount */
export function save(caches, record) {
  return within(caches, (cache) => cache.put(record.mount, new Response(JSON.stringify({ ...record, saved: Date.now() }))))
}

/** @param {CacheStorage} caches
 *  @param {string} mount */
export function forget(caches, mount) {
  return within(caches, (cache) => cache.delete(mount))
}

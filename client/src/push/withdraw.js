/** Closes the notifications with a tag that this browser shows. Without service
 *  workers, as without https and in some private windows, it shows none.
 *  @param {{ page: typeof globalThis }} options
 *  @param {string} tag */
export async function withdraw({ page }, tag) {
  if (!tag) return // all would match
  try {
    for (const registration of await page.navigator.serviceWorker.getRegistrations()) {
      for (const shown of await registration.getNotifications({ tag })) shown.close()
    }
  } catch {}
}

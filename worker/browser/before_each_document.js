// Runs in each document before its own scripts.
{
  // Service workers load files for the next visit, and a render makes only one. Without this property, pages
  // behave as in browsers without service workers. This costs no time that could be measured (docs/browser.md).
  delete Navigator.prototype.serviceWorker

  // The browser process takes seconds to look through 100,000 Web Locks, and answers no other page meanwhile. A
  // page needs a few. Where a page has no secure origin there is no LockManager.
  if (globalThis.LockManager) {
    const { request } = LockManager.prototype
    let left = 1000
    LockManager.prototype.request = { request(...words) {
      if (left-- > 0) return request.apply(this, words)
      return Promise.reject(new DOMException('A document may ask for 1,000 locks.', 'QuotaExceededError'))
    } }.request
  }
}

// When a page is closed, the browser process takes a second to forget 10,000 blob: addresses, and answers no other
// page meanwhile. A page needs a few at a time.
{
  const { createObjectURL, revokeObjectURL } = URL
  const held = new Set()
  Object.assign(URL, {
    createObjectURL(...words) {
      if (held.size >= 2000) throw new DOMException('A document may hold 2,000 blob: addresses.', 'QuotaExceededError')
      const address = createObjectURL.apply(this, words)
      held.add(address)
      return address
    },
    revokeObjectURL(...words) {
      const read = words.map(String)
      revokeObjectURL.apply(this, read)
      held.delete(read[0])
    },
  })
}

// A window that was made smaller before a document was written into it tells it so with its first frame: this
// document has never seen another window.
if (location.protocol === 'about:') {
  let seen = `${innerWidth} ${innerHeight}`
  addEventListener('resize', (event) => {
    const now = `${innerWidth} ${innerHeight}`
    if (now === seen) event.stopImmediatePropagation()
    seen = now
  }, true)
}

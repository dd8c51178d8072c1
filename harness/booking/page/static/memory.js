// What one tab remembers. It ends with the tab: an anonymous booking's token does not stay on a shared computer.
// early.js, which runs before anything is painted, writes what came in the address: booking.signin, booking.person, booking.link.

const store = window.sessionStorage;

function read(key, fallback) {
  try {
    return JSON.parse(store.getItem(key)) ?? fallback;
  } catch {
    return fallback; // something else wrote there; as good as nothing
  }
}

export const signIn = {
  get: () => store.getItem("booking.signin"),
  /** The visitor goes: nothing of theirs stays. */
  clear() {
    for (const key of ["booking.signin", "booking.person", "booking.attempt", "booking.tokens"]) store.removeItem(key);
  },
  /** It has run out: what they were at waits for them in this tab, and for nobody else (F05, F08). */
  expire: () => store.removeItem("booking.signin"),
};

/** Whether the attempt is that of somebody whose sign-in has run out. */
const isAway = () => store.getItem("booking.person") !== null && signIn.get() === null;

export const attempt = {
  get: () => (isAway() ? {} : read("booking.attempt", {})),
  set(kept) {
    if (isAway()) store.removeItem("booking.person"); // somebody goes on without signing in
    store.setItem("booking.attempt", JSON.stringify(kept));
  },
  clear: () => store.removeItem("booking.attempt"),
};

export const tokens = {
  get: (bookingId) => read("booking.tokens", {})[bookingId] ?? null,
  set: (bookingId, token) => store.setItem("booking.tokens", JSON.stringify({ ...read("booking.tokens", {}), [bookingId]: token })),
};

/** The booking whose private link was opened, once. */
export function takeLink() {
  const link = read("booking.link", null);
  store.removeItem("booking.link");
  if (link) tokens.set(link.booking, link.bookingToken);
  return link?.booking ?? null;
}

const ours = new Map(); // booking id: promise of whether this tab has it

/**
 * Whether this tab alone goes on with this attempt, for as long as it is open. A duplicated tab brings a copy of the other's memory along.
 * Waits a little for a lock: the document before a reload may still be letting go of it.
 */
export function isOurs(bookingId) {
  if (!navigator.locks) return Promise.resolve(true);
  if (!ours.has(bookingId)) ours.set(bookingId, new Promise(hold));
  return ours.get(bookingId);

  function hold(answer) {
    const forEver = () => {
      answer(true);
      return new Promise(() => {});
    };
    navigator.locks.request(`booking ${bookingId}`, { signal: AbortSignal.timeout(400) }, forEver).catch(() => answer(false));
  }
}

// How states, times and money are told to a person.

const LANGUAGE = navigator.language?.startsWith("en") ? navigator.language : "en-GB";

/** Heading, sentence and tone of every state of the state machine. */
export const STATES = {
  IDLE: ["Not booked yet", "This booking has been begun; no time has been chosen.", "todo"],
  SESSION_TYPE_SELECTED: ["Not booked yet", "A session is chosen, and no time so far.", "todo"],
  CALENDLY_SCHEDULING_INITIATED: ["Not booked yet", "A session is chosen, and no time so far.", "todo"],
  CALENDLY_EVENT_SCHEDULED: ["Your time is reserved", "Pay to confirm your session.", "todo"],
  PAYMENT_REQUIRED: ["Your time is reserved", "Pay to confirm your session.", "todo"],
  PAYMENT_PENDING: ["Your time is reserved", "The payment has not arrived yet. You can go on with it.", "todo"],
  PAYMENT_PROCESSING: ["Your payment is on its way", "We will confirm your session as soon as it arrives.", "wait"],
  PAYMENT_SUCCEEDED: ["Your payment has arrived", "Your session is being confirmed.", "wait"],
  PAYMENT_FAILED: ["The payment did not work", "Nothing was charged. Your time is still reserved; try again.", "bad"],
  BOOKING_CONFIRMED: ["You are booked", "Your session is confirmed. Calendly sends the invitation by e-mail.", "good"],
  BOOKING_COMPLETED: ["This session is over", "It took place as booked.", "done"],
  CANCELLATION_REQUESTED: ["Your booking is being cancelled", "This takes a moment.", "wait"],
  CANCELLATION_PROCESSING: ["Your booking is being cancelled", "This takes a moment.", "wait"],
  CANCELLATION_COMPLETED: ["Your booking is cancelled", "There is nothing more to do.", "done"],
  REFUND_REQUIRED: ["Your booking is cancelled", "Your refund is being prepared.", "done"],
  REFUND_PROCESSING: ["Your booking is cancelled", "Your refund is on its way.", "done"],
  REFUND_COMPLETED: ["Your booking is cancelled", "Your refund has been paid.", "done"],
  ERROR: ["Something went wrong with this booking", "Nothing is lost. Carry on where it stood.", "bad"],
};

const PAYMENTS = { UNPAID: "not paid", PAID: "paid", REFUNDED: "refunded", CANCELLED: "cancelled" };

/** The states that end by themselves in another one; the page asks again meanwhile. */
export const MOVING = new Set(["PAYMENT_PROCESSING", "PAYMENT_SUCCEEDED", "CANCELLATION_REQUESTED", "CANCELLATION_PROCESSING", "REFUND_REQUIRED", "REFUND_PROCESSING"]);

/** The visitor's time zone by its IANA name, null when the browser does not know. */
export function timezone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone && zone !== "Etc/Unknown" ? zone : null;
}

export function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

export function money(amount, currency) {
  return /^[a-z]{3}$/i.test(currency ?? "") ? new Intl.NumberFormat(LANGUAGE, { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(Number(amount)) : amount;
}

export function price(session) {
  return Number(session.price || 0) > 0 ? money(session.price, session.currency) : "Free";
}

export function duration(minutes) {
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  const parts = [hours && `${hours} hour${hours === 1 ? "" : "s"}`, rest && `${rest} minutes`];
  return parts.filter(Boolean).join(" ");
}

/** Day, time and zone of a booking where the visitor is. */
export function when(booking) {
  const [start, end] = [new Date(booking.startTime), new Date(booking.endTime)];
  const day = new Intl.DateTimeFormat(LANGUAGE, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
  const time = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit" });
  return { day: day.format(start), time: `${time.format(start)} – ${time.format(end)}`, zone: (timezone() ?? "your time").replaceAll("_", " ") };
}

export function payment(booking, session) {
  if (!(Number(booking.amount || 0) > 0)) return "Free";
  return `${money(booking.amount, session?.currency)}, ${PAYMENTS[booking.paymentStatus] ?? booking.paymentStatus}`;
}

/** What a cancellation now would pay back (W12), as an estimate: the server decides. */
export function refund(booking, now = Date.now()) {
  if (booking.paymentStatus !== "PAID" || !(Number(booking.amount || 0) > 0)) return "";
  const hours = (new Date(booking.startTime) - now) / 3_600_000;
  const share = hours >= 24 ? "all of your payment" : hours >= 12 ? "half of your payment" : "nothing of your payment";
  return `Cancelling now gives back ${share}. Until 24 hours before the start it is all, until 12 hours half.`;
}

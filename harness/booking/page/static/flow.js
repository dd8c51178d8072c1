// What the page decides, in which order, with which ids (F01 to F09, R10 to R15).
// One to one with harness/booking/flow.py; touches neither the document nor the network by itself.

export const QUESTION = "Booking ID";
export const EVENT_SCHEDULED = "calendly.event_scheduled";
export const PAYABLE = new Set(["CALENDLY_EVENT_SCHEDULED", "PAYMENT_REQUIRED", "PAYMENT_PENDING", "PAYMENT_FAILED"]);
export const CANCELLABLE = new Set([...PAYABLE, "PAYMENT_PROCESSING", "PAYMENT_SUCCEEDED", "BOOKING_CONFIRMED"]);
const BEGUN = new Set([null, "IDLE", "SESSION_TYPE_SELECTED", "CALENDLY_SCHEDULING_INITIATED"]);
const BOOKINGS = "/api/scheduling/bookings";
const CANONICAL = "https://api.calendly.com";
const OLD_BASE = "https://calendly.com/api/v2";
const INVITEE = /^(https?:\/\/[A-Za-z0-9.:-]{1,255}(?:\/api\/v2)?)\/scheduled_events\/([\w-]{1,64})\/invitees\/([\w-]{1,64})$/;
const EVENT = /^(https?:\/\/[A-Za-z0-9.:-]{1,255}(?:\/api\/v2)?)\/scheduled_events\/([\w-]{1,64})$/;
const KEPT = ["session", "pathway", "bookingId", "bookingToken", "eventUri", "inviteeUri", "checkoutId", "state"];

/** The page does not offer this now; nothing was sent. `code` says why. */
export class NotAllowed extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** One visitor's page. `send(method, path, json, bookingToken)` answers `{ok, status, body}`; `newId()` makes ids. */
export class Flow {
  constructor(send, { signedIn, newId, profile = "reference", calendlyOrigin = "https://calendly.com", calendlyApi = CANONICAL, calendlyPages = calendlyOrigin, timezone = null }) {
    Object.assign(this, { send, signedIn, newId, profile, calendlyOrigin, calendlyApi, calendlyPages, timezone });
    this.shownSessions = [];
    this.restore({});
  }

  // ---- choosing

  /** Asks what may be booked; `shownSessions` is what the page then shows (F01), `groups` in which order. */
  async sessions() {
    const answer = await this.send("GET", "/api/scheduling/session-types", null);
    if (answer.ok) {
      this.groups = {};
      for (const [name, group] of Object.entries(answer.body.sessionTypes)) this.groups[name] = group.filter((session) => this.shows(session));
      this.shownSessions = Object.values(this.groups).flat();
    }
    return answer;
  }

  /** Whether the page offers this session to this visitor (F01): all to a signed-in one, else free and open. */
  shows(session) {
    if (session.isActive === false) return false;
    return this.signedIn || (!session.requiresAuth && !this.costs(session));
  }

  /** Whether payment is asked for (R15). */
  costs(session) {
    return Number(session.price || 0) > 0;
  }

  /** Whether a pathway has to be chosen before scheduling (F06). */
  needsPathway(session) {
    return session.eventTypeCategory === "pathway";
  }

  /** Chooses a session type, by hand or by URL: the same rule (F02). Asks nothing of the server (R10). */
  async selectSession(session, { pathway = null } = {}) {
    const chosen = this.known(session);
    if (!this.shows(chosen)) throw new NotAllowed("session_not_offered", "This session is not offered to this visitor.");
    if (this.needsPathway(chosen) && !pathway) throw new NotAllowed("pathway_required", "Choose a pathway before scheduling.");
    this.begin(chosen, pathway);
    return this.profile === "legacy" && !this.signedIn ? this.initialize() : null;
  }

  /** Tells the server that the visitor begins (R13); an anonymous visitor's page does without (R10). */
  async initialize() {
    const session = this.chosen();
    const payload = { bookingId: this.bookingId, builderId: session.builderId, sessionTypeId: session.id, pathway: this.pathway, clientTimezone: this.timezone, bookingToken: this.bookingToken };
    const answer = await this.post("/initialize", payload);
    if (answer.ok) this.bookingId = answer.body.bookingId;
    return answer;
  }

  // ---- scheduling

  /** What Calendly's widget is opened with: the one booking id as answer and as utm_content (F03, R11, R17). */
  embed(widget, { host = "1", name = null, email = null } = {}) {
    this.chosen();
    if (!this.maySchedule) throw new NotAllowed("scheduled_already", "This booking has its time already.");
    const address = new URL(widget);
    const query = { embed_domain: host, embed_type: "Inline", a1: this.bookingId, utm_content: this.bookingId, name, email };
    for (const [key, value] of Object.entries(given(query))) address.searchParams.set(key, value);
    return address.href;
  }

  /** The widget's message; believed from Calendly's own origin only (F04). Whether the event was scheduled. */
  onMessage(origin, data) {
    if (origin !== this.calendlyOrigin) throw new NotAllowed("wrong_origin", "This message does not come from Calendly.");
    if (data?.event !== EVENT_SCHEDULED) return false;
    const event = this.uri(EVENT, data.payload?.event?.uri);
    const invitee = this.uri(INVITEE, data.payload?.invitee?.uri);
    if (!event || !invitee) throw new NotAllowed("unreadable_message", "This message names no event of Calendly's.");
    this.eventUri = `${CANONICAL}/scheduled_events/${event[2]}`;
    this.inviteeUri = `${CANONICAL}/scheduled_events/${invitee[2]}/invitees/${invitee[3]}`;
    return true;
  }

  /** Creates the booking of the scheduled event (R12); the same id again after a failure (F05). */
  async create() {
    const session = this.chosen();
    if (!this.eventUri) throw new NotAllowed("nothing_scheduled", "No event has been scheduled yet.");
    const answer = await this.post("/create", {
      builderId: session.builderId,
      sessionTypeId: session.id,
      calendlyEventUri: this.eventUri,
      calendlyInviteeUri: this.inviteeUri,
      customQuestionResponse: [{ question: QUESTION, answer: this.bookingId, position: 0 }],
      pathway: this.pathway,
      clientTimezone: this.timezone,
      bookingToken: this.bookingToken,
    });
    if (answer.ok) this.bookingId = answer.body.bookingId;
    return answer;
  }

  // ---- afterwards

  /** Whether the page offers payment: there is a price (R15) and the server said that it is scheduled (F07). */
  mayPay(booking) {
    return Number(booking.amount || 0) > 0 && PAYABLE.has(this.state);
  }

  /** Where the invitee changes the time: Calendly's own page, which tells the server (W08). Null where there is none. */
  rescheduling(booking) {
    const invitee = CANCELLABLE.has(this.state) && this.uri(INVITEE, booking.calendlyInviteeUri);
    return invitee ? `${this.calendlyPages}/reschedulings/${invitee[3]}` : null;
  }

  /** Opens the payment page, once the server said that the booking is scheduled (F07). */
  async pay() {
    if (this.session && !this.costs(this.session)) throw new NotAllowed("nothing_to_pay", "This session is free.");
    if (!PAYABLE.has(this.state)) throw new NotAllowed("not_scheduled", "Payment starts when the server says that the booking is scheduled.");
    const answer = await this.send("POST", "/api/stripe/checkout/create", { bookingId: this.id() }, this.bookingToken);
    if (answer.ok) this.checkoutId = answer.body.sessionId;
    return this.heard(answer);
  }

  /** Cancels the booking. */
  async cancel(reason = null) {
    return this.heard(await this.send("PATCH", `${BOOKINGS}/${this.id()}`, given({ action: "cancel", reason, bookingToken: this.bookingToken })));
  }

  /** After a reload or on coming back: goes on where the server says that the booking stands (F08, F09). */
  async resume(bookingId = this.bookingId) {
    if (bookingId !== this.bookingId) this.restore({ bookingId });
    const answer = await this.confirm();
    if (answer.ok) {
      const { booking } = answer.body;
      this.eventUri = booking.calendlyEventUri || this.eventUri;
      this.inviteeUri = booking.calendlyInviteeUri || this.inviteeUri;
    }
    return answer;
  }

  /** The confirmation: what is shown is what the server says (F09). */
  async confirm() {
    return this.heard(await this.send("GET", `${BOOKINGS}/${this.id()}`, null, this.bookingToken));
  }

  /** Leads a booking out of its error, with the token that the server gave for it. */
  async recover(token) {
    return this.heard(await this.send("POST", `${BOOKINGS}/recover`, { token }));
  }

  // ---- what survives a reload (F08)

  snapshot() {
    return Object.fromEntries(KEPT.map((name) => [name, this[name]]));
  }

  restore(kept) {
    for (const name of KEPT) this[name] = kept[name] ?? null;
  }

  /** Calendly has scheduled, the server has not said so yet: create is still to be done, or to be done again (F05). */
  get isUnsaved() {
    return this.eventUri !== null && this.maySchedule;
  }

  /** The server has not said that this booking has its time: the embed's message may have been lost, and a webhook faster (F08, F09). */
  get maySchedule() {
    return BEGUN.has(this.state);
  }

  /** Another tab goes on with this attempt, which was duplicated: this one is an attempt of its own (F03). */
  part() {
    const { session, pathway } = this;
    this.restore({ session, pathway, bookingId: this.newId() });
  }

  // ---- inside

  /** One booking id per attempt (F03): another session, or a finished attempt, begins anew. */
  begin(session, pathway) {
    const same = this.session !== null && this.session.id === session.id && this.eventUri === null;
    if (!same || this.bookingId === null) this.restore({ bookingId: this.newId() });
    Object.assign(this, { session, pathway });
  }

  known(session) {
    const found = typeof session === "string" ? this.shownSessions.find((each) => each.id === session) : session;
    if (!found) throw new NotAllowed("session_not_offered", "This session is not offered to this visitor.");
    return found;
  }

  chosen() {
    if (!this.session) throw new NotAllowed("nothing_chosen", "Choose a session first.");
    return this.session;
  }

  id() {
    if (!this.bookingId) throw new NotAllowed("no_booking", "There is no booking yet.");
    return this.bookingId;
  }

  uri(pattern, text) {
    const match = pattern.exec(String(text ?? ""));
    return match && [CANONICAL, OLD_BASE, this.calendlyApi].includes(match[1]) ? match : null;
  }

  async post(path, payload) {
    return this.heard(await this.send("POST", BOOKINGS + path, given(payload)));
  }

  /** Keeps what the server says about the state (F09) and the token of an anonymous booking. */
  heard(answer) {
    if (answer.ok) {
      this.state = answer.body.state ?? this.state;
      this.bookingToken = answer.body.bookingToken ?? this.bookingToken;
    }
    return answer;
  }
}

/** The fields that have a value. */
function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

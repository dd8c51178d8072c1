// The page at work: what the visitor does goes to the flow, what the server says goes to the view.

import { CANCELLABLE, Flow, NotAllowed } from "./flow.js";
import * as memory from "./memory.js";
import * as view from "./view.js";
import { MOVING, timezone } from "./words.js";

const settings = document.documentElement.dataset;
const { element } = view;
const flow = new Flow(send, {
  signedIn: Boolean(memory.signIn.get()),
  newId: () => crypto.randomUUID(),
  profile: settings.profile,
  calendlyOrigin: settings.calendlyOrigin,
  calendlyApi: settings.calendlyApi,
  calendlyPages: settings.calendlyPages,
  timezone: timezone(),
});
let person = null; // who is signed in: {name, email}
let widgets = null; // promise of {session type id: address}
let frame = null; // the widget's frame while it is open
let shown = null; // the last answer about the booking on screen
let ready = null; // the first look around is over
const PATIENCE = 15_000; // milliseconds until Calendly's page should have said something
let turn = 0; // what was begun before the visitor went elsewhere is let go

// ---- the server

async function send(method, path, json, bookingToken = null) {
  const headers = { Accept: "application/json" };
  const signedIn = memory.signIn.get();
  if (signedIn) headers.Authorization = `Bearer ${signedIn}`;
  if (bookingToken) headers["X-Booking-Token"] = bookingToken;
  if (json !== null) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, { method, headers, body: json === null ? undefined : JSON.stringify(json), cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(30_000) });
    const body = await answer.json();
    if (answer.status === 401 && signedIn && memory.signIn.get() === signedIn && ["invalid_token", "unknown_user"].includes(body.error?.code)) signOut("Your sign-in has ended. Sign in again to go on.", memory.signIn.expire);
    return { ok: answer.ok, status: answer.status, body };
  } catch {
    return { ok: false, status: 0, body: { error: { code: "unreachable", message: "We could not be reached. Check your connection and try again." } } };
  }
}

const said = (answer) => answer.body?.error?.message ?? "Something went wrong on our side. Please try again.";

function signOut(text, forget = memory.signIn.clear) {
  forget();
  history.replaceState({ view: "choose" }, "", "/");
  flow.signedIn = false;
  flow.restore({});
  person = null;
  view.visitor(null);
  view.notice(text, "good");
  ready = begin();
}

function remember() {
  if (!flow.bookingId) return; // the sign-in ran out meanwhile: what is kept waits for its owner
  memory.attempt.set(flow.snapshot());
  memory.isOurs(flow.bookingId);
  if (flow.bookingToken) memory.tokens.set(flow.bookingId, flow.bookingToken);
}

// ---- choosing

async function loadSessions() {
  const answer = await flow.sessions();
  if (answer.ok) view.sessions(flow.groups);
  else if (answer.status !== 401) view.notice(said(answer)); // a sign-in that has ended is told of already
}

function loadWidgets() {
  widgets = send("GET", "/page/widgets", null).then((answer) => (answer.ok ? answer.body.widgets : {}));
}

function showList(options) {
  turn += 1;
  frame = null;
  showBanner();
  view.show("choose", options);
}

/** What the visitor has already, above the list: a booking, or one that is not saved yet. */
function showBanner() {
  if (!flow.eventUri) view.banner("");
  else if (flow.isUnsaved) view.banner(`${flow.session.title}: your booking is not saved yet.`, "Finish it", { sessionTypeId: flow.session.id });
  else view.banner(`You have a booking${flow.session ? `: ${flow.session.title}` : ""}.`, "Show it", { booking: flow.bookingId });
}

/** The visitor wants this session: by a click or by the address, the same rule (F02). */
async function choose(sessionId, pathway = null, options = {}) {
  const mine = (turn += 1);
  try {
    const session = flow.known(sessionId);
    if (flow.needsPathway(session) && !pathway) return askPathway(session, options);
    const begun = await flow.selectSession(session, { pathway });
    if (!begun && flow.signedIn) await startOnServer(mine, options);
    else if (begun && !begun.ok) refuse(said(begun));
    else schedule(options);
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error;
    refuse("That session is not open to you: it needs signing in, or is no longer offered. Choose another one.");
  }
  return remember();
}

async function startOnServer(mine, options) {
  let answer = await flow.initialize();
  if (answer.body?.error?.code === "booking_id_in_use") {
    flow.bookingId = flow.newId();
    answer = await flow.initialize();
  }
  if (mine !== turn) return;
  if (!answer.ok) refuse(said(answer));
  else if (flow.maySchedule) schedule(options);
  else await openBooking(flow.bookingId, options); // a webhook told the server what no message told this page
}

function refuse(text) {
  history.replaceState({ view: "choose" }, "", "/");
  showList();
  view.notice(text);
}

function askPathway(session, options) {
  view.chosen(session);
  element("pathway-form").dataset.session = session.id;
  view.show("pathway", options);
}

// ---- scheduling

async function schedule(options) {
  const mine = (turn += 1);
  const { session } = flow;
  view.chosen(session, flow.pathway);
  view.opening();
  view.show("schedule", options);
  let address = (await widgets)[session.id];
  if (!address && mine === turn) {
    loadWidgets();
    address = (await widgets)[session.id];
  }
  if (mine !== turn) return;
  if (!address) return view.noWidget();
  frame = view.widget(flow.embed(address, { host: location.host, ...person }));
  await new Promise((done) => setTimeout(done, PATIENCE));
  if (mine === turn) view.late();
}

function hear(message) {
  if (!frame || message.source !== frame.contentWindow) return;
  try {
    const isScheduled = flow.onMessage(message.origin, message.data);
    view.opened();
    if (isScheduled) save();
    else if (message.data?.event === "calendly.page_height") view.height(frame, message.data.payload?.height);
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error; // not Calendly's word: as if nothing had been said
  }
}

/** Tells the server of the scheduled event; after a failure the same again, with the same id (F05). */
async function save(options) {
  const mine = (turn += 1);
  frame = null;
  remember();
  view.saving(null);
  view.show("saving", options);
  const answer = await flow.create();
  remember();
  if (mine !== turn) return showBanner();
  if (answer.ok) openBooking(flow.bookingId);
  else {
    const isFinal = answer.status === 409 && answer.body.error?.code !== "already_taken"; // a race lost: asked again, it is answered
    view.saving(said(answer), answer.status >= 400 && answer.status < 500 && answer.status !== 429, isFinal);
    element(isFinal ? "start-again" : "retry").focus();
  }
}

// ---- the booking

async function openBooking(bookingId, { payment = null, ...options } = {}) {
  const mine = (turn += 1);
  if (bookingId !== flow.bookingId) flow.restore({ bookingId });
  flow.bookingToken ??= memory.tokens.get(bookingId);
  const answer = await flow.resume(bookingId);
  if (mine !== turn) return;
  if (!answer.ok) return answer.status === 0 || answer.status >= 500 ? cannotRead(bookingId, answer) : refuse(said(answer));
  flow.session ??= flow.shownSessions.find((session) => session.id === answer.body.booking.sessionTypeId) ?? null;
  remember();
  if (flow.state === "SESSION_TYPE_SELECTED" && flow.session) return choose(flow.session.id, flow.pathway, options);
  history.replaceState({ view: "booking" }, "", `/?${new URLSearchParams({ booking: bookingId })}`);
  const waiting = payment === "done" && flow.mayPay(answer.body.booking);
  const title = display(answer.body, waiting);
  view.show("booking", { ...options, title });
  if (payment === "left" && flow.mayPay(answer.body.booking)) view.notice("You left the payment page. Nothing was charged, and your time is still reserved.", "good");
  if (waiting || MOVING.has(flow.state)) watch(mine, waiting);
}

function display(body, waiting = false) {
  shown = body;
  const [mayPay, mayCancel] = [flow.mayPay(body.booking), CANCELLABLE.has(body.state)];
  element("private").hidden = !flow.bookingToken;
  return view.booking(body, flow.session, { mayPay, mayCancel, moving: flow.rescheduling(body.booking), waiting });
}

/** Back from another tab, where the time may have been changed: looks again, and once more when Calendly has told (F09). */
async function lookAgain() {
  const mine = turn;
  for (const pause of [0, 2500]) {
    await new Promise((done) => setTimeout(done, pause));
    if (mine !== turn || view.visible() !== "booking" || document.hidden) return;
    const answer = await flow.confirm();
    if (mine === turn && answer.ok) display(answer.body);
  }
}

function cannotRead(bookingId, answer) {
  history.replaceState({ view: "booking" }, "", `/?${new URLSearchParams({ booking: bookingId })}`);
  view.show("unreachable", { title: "Your booking" });
  element("unreachable-problem").textContent = said(answer);
}

/** Asks again while the booking moves by itself: a second at first, then ever longer, half a minute in all. */
async function watch(mine, waiting) {
  for (let pause = 400, spent = 0; spent < 30_000; spent += pause, pause *= 1.4) {
    await new Promise((done) => setTimeout(done, pause));
    if (mine !== turn) return;
    const answer = await flow.confirm();
    if (mine !== turn) return;
    if (!answer.ok) continue;
    remember();
    waiting &&= flow.mayPay(answer.body.booking) && flow.state !== "PAYMENT_FAILED";
    display(answer.body, waiting);
    if (!waiting && !MOVING.has(flow.state)) return;
  }
  display(shown, false);
}

async function act(button, doing) {
  button.disabled = true;
  view.notice("");
  const answer = await doing();
  button.disabled = false;
  if (!answer.ok) view.notice(said(answer));
  remember();
  return answer;
}

async function pay() {
  const answer = await act(element("pay"), () => flow.pay());
  const address = answer.ok && URL.canParse(answer.body.url) ? new URL(answer.body.url) : null;
  if (address && ["https:", "http:"].includes(address.protocol)) location.assign(address.href);
  else if (!answer.ok && flow.bookingId) openBooking(flow.bookingId, { focus: false });
}

async function cancel() {
  const answer = await act(element("cancel-yes"), () => flow.cancel(element("reason").value.trim() || null));
  element("cancel-dialog").close();
  if (answer.ok) openBooking(flow.bookingId);
}

async function copyLink() {
  const link = `${location.origin}/#${new URLSearchParams({ booking: flow.bookingId, token: flow.bookingToken })}`;
  try {
    await navigator.clipboard.writeText(link);
    view.notice("Copied. Whoever has this link can see and cancel your booking.", "good");
  } catch {
    view.notice("Your browser does not let us copy. Keep this tab open to come back to your booking.");
  }
}

// ---- where the visitor is

function route({ isFirst = false, isClick = false } = {}) {
  const query = new URLSearchParams(location.search);
  const options = { focus: !isFirst };
  const link = isFirst ? memory.takeLink() : null;
  const booking = link ?? query.get("booking");
  if (!isFirst) view.notice("");
  if (booking) return openBooking(booking, { payment: query.get("payment"), ...options });
  const wanted = query.get("sessionTypeId");
  const isSame = wanted !== null && wanted === flow.session?.id;
  if (flow.isUnsaved && (isFirst || isSame)) return save(options);
  if (wanted !== null) return choose(wanted, isSame && !isClick ? flow.pathway : null, options);
  if (isFirst && history.state === null && flow.bookingId && flow.eventUri) return openBooking(flow.bookingId, options);
  return showList(options);
}

/** A click before the sessions have come is served when they have. */
async function go(address) {
  await ready;
  history.pushState({ view: "" }, "", address);
  return route({ isClick: true });
}

function listen() {
  window.addEventListener("message", hear);
  window.addEventListener("popstate", () => ready.then(() => route()));
  window.addEventListener("pageshow", (event) => event.persisted && route());
  document.addEventListener("visibilitychange", () => ready.then(lookAgain));
  window.addEventListener("hashchange", () => /[#&](signin|token)=/.test(location.hash) && location.reload());
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-here]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
  element("pathway-form").addEventListener("submit", (event) => {
    event.preventDefault();
    choose(event.target.dataset.session, new FormData(event.target).get("pathway"));
  });
  const clicks = {
    "sign-out": () => signOut("You are signed out."),
    "notice-close": () => view.notice(""),
    "widget-again": () => schedule(),
    "late-again": () => schedule(),
    retry: () => save(),
    "start-again": () => {
      flow.restore({});
      memory.attempt.clear();
      go("/");
    },
    "read-again": () => route(),
    pay,
    cancel: () => element("cancel-dialog").showModal(),
    "cancel-no": () => element("cancel-dialog").close(),
    "cancel-yes": cancel,
    recover: async () => {
      if ((await act(element("recover"), () => flow.recover(shown.recoveryToken))).ok) openBooking(flow.bookingId);
    },
    "copy-link": copyLink,
  };
  for (const [id, doing] of Object.entries(clicks)) element(id).addEventListener("click", doing);
}

async function greet() {
  if (!flow.signedIn) return;
  const answer = await send("GET", "/page/visitor", null);
  if (answer.ok && answer.body.signedIn) person = { name: answer.body.name, email: answer.body.email };
  view.visitor(person?.name ?? null);
}

async function begin() {
  const mine = (turn += 1);
  flow.restore(memory.attempt.get());
  const isShared = flow.bookingId !== null && flow.eventUri === null && memory.isOurs(flow.bookingId).then((isOurs) => !isOurs);
  const [isAnothers] = await Promise.all([isShared, greet(), loadSessions()]);
  if (mine !== turn) return;
  if (isAnothers) flow.part();
  loadWidgets();
  return route({ isFirst: true });
}

listen();
ready = begin();

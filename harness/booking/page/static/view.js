// The document: which part of it is seen, and what stands there. Text only, never markup.

import * as words from "./words.js";

export const element = (id) => document.getElementById(id);

const GROUPS = ["free", "pathway", "specialized", "other"];
const STEPS = { choose: 1, pathway: 1, schedule: 2, saving: 2, booking: 3 };
const TITLES = { choose: "Book a session", pathway: "Choose a pathway", schedule: "Choose a time", saving: "Saving your booking" };

/** Shows one view; moves focus to its heading unless it is the first one of this page. */
export function show(name, { focus = true, title = TITLES[name] } = {}) {
  document.documentElement.classList.remove("waiting");
  for (const view of document.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== name;
  for (const step of document.querySelectorAll("[data-step]")) {
    const number = Number(step.dataset.step);
    step.classList.toggle("past", number < STEPS[name]);
    if (number === STEPS[name]) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  }
  document.title = `${title} – Bookings`;
  if (!focus) return;
  document.querySelector(`[data-view="${name}"] [data-heading]`).focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

export function visible() {
  return document.querySelector("[data-view]:not([hidden])")?.dataset.view;
}

/** Says what went wrong or what just happened; empty takes it away. */
export function notice(text, tone = "bad") {
  element("notice-text").textContent = text;
  element("notice").className = tone;
  element("notice").hidden = !text;
}

export function visitor(person) {
  element("visitor").textContent = person ? `Signed in as ${person}` : "Not signed in";
  element("sign-out").hidden = !person;
  if (element("sign-in")) element("sign-in").hidden = Boolean(person);
  element("anonymous-hint").hidden = Boolean(person);
}

// ---- choosing

export function sessions(groups) {
  for (const name of GROUPS) {
    const offered = groups[name] ?? [];
    element(`group-${name}`).hidden = offered.length === 0;
    element(`list-${name}`).replaceChildren(...offered.map(card));
  }
  element("no-sessions").hidden = GROUPS.some((name) => groups[name]?.length);
}

function card(session) {
  const item = element("session-card").content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(`[data-part="${name}"]`);
  const link = item.querySelector("a");
  link.href = `/?${new URLSearchParams({ sessionTypeId: session.id })}`;
  link.dataset.session = session.id;
  part("title").textContent = session.title;
  part("description").textContent = session.description ?? "";
  part("host").hidden = !session.builderName;
  part("host").textContent = `with ${session.builderName}`;
  part("duration").textContent = words.duration(session.durationMinutes);
  part("price").textContent = words.price(session);
  part("price").classList.toggle("free", words.price(session) === "Free");
  part("group").hidden = !(session.maxParticipants > 1);
  part("group").textContent = `Up to ${session.maxParticipants} people`;
  if (/^#[0-9a-f]{3,8}$/i.test(session.color ?? "")) item.querySelector("circle").setAttribute("fill", session.color);
  return item;
}

export function banner(text, action = "", query = {}) {
  element("banner").hidden = !text;
  element("banner-text").textContent = text;
  element("banner-link").textContent = action;
  element("banner-link").href = `/?${new URLSearchParams(query)}`;
}

// ---- scheduling

export function chosen(session, pathway) {
  const facts = [session.builderName && `with ${session.builderName}`, words.duration(session.durationMinutes), words.price(session), pathway && `Pathway: ${words.capital(pathway)}`];
  for (const place of document.querySelectorAll("[data-chosen]")) place.textContent = `${session.title} · ${facts.filter(Boolean).join(" · ")}`;
}

/** Before the widget has come: a word in its place. */
export function opening() {
  const word = document.createElement("p");
  word.className = "opening";
  word.role = "status";
  word.textContent = "Opening the calendar…";
  element("widget").replaceChildren(word);
  element("no-widget").hidden = true;
  element("late-widget").hidden = true;
}

/** The widget has said something: it is there. */
export function opened() {
  element("widget").querySelector(".opening")?.remove();
  element("late-widget").hidden = true;
}

/** The widget has said nothing so far. */
export function late() {
  element("late-widget").hidden = !element("widget").querySelector(".opening");
}

/** Opens the widget in a new frame and gives it back. */
export function widget(address) {
  const frame = document.createElement("iframe");
  frame.title = "Choose a time with Calendly";
  frame.referrerPolicy = "no-referrer";
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox");
  frame.src = address;
  element("widget").append(frame);
  return frame;
}

export function noWidget() {
  element("widget").replaceChildren();
  element("no-widget").hidden = false;
}

/** Calendly says how high its page is; the frame grows, so that there is one scrollbar only. */
export function height(frame, text) {
  const pixels = Number.parseInt(text, 10);
  if (pixels > 0) frame.style.height = `${Math.min(Math.max(pixels, 560), 4000)}px`;
}

/** `problem` null: one moment. `isRefused`: the server has decided; else it may do it when asked again. `isFinal`: asking again cannot help. */
export function saving(problem, isRefused = false, isFinal = false) {
  element("saving-title").textContent = problem ? "Not saved" : "Saving your booking";
  element("saving-wait").hidden = Boolean(problem);
  element("saving-failed").hidden = !problem;
  element("saving-what").textContent = isRefused ? "This booking was refused." : "Calendly has your time, but your booking is not saved yet.";
  element("saving-hint").hidden = isRefused;
  element("saving-left").hidden = !isFinal;
  element("retry").hidden = isFinal;
  element("saving-problem").textContent = problem ?? "";
}

// ---- the booking

export function booking(body, session, { mayPay, mayCancel, moving, waiting = false }) {
  const found = body.booking;
  const [title, text, tone] = waiting ? ["Confirming your payment", "This takes a moment.", "wait"] : (words.STATES[body.state] ?? [body.state, "", "wait"]);
  const time = words.when(found);
  element("booking-title").textContent = title;
  element("booking-text").textContent = text;
  element("booking-card").dataset.tone = tone;
  element("booking-card").dataset.state = body.state;
  facts([
    ["Session", found.title],
    ["With", session?.builderName],
    ["Pathway", found.pathway && words.capital(found.pathway)],
    ["Day", time.day],
    ["Time", time.time],
    ["Time zone", time.zone],
    ["Price", words.payment(found, session)],
    ["Cancelled because", found.cancellation?.reason],
    ["Reference", found.id],
  ]);
  element("pay").hidden = !mayPay || waiting;
  element("pay").textContent = `Pay ${words.money(found.amount ?? "0", session?.currency)}`;
  element("cancel").hidden = !mayCancel || waiting;
  element("move").hidden = !moving || waiting;
  if (moving) element("move").href = moving;
  element("recover").hidden = !body.recoveryToken;
  element("refund").textContent = words.refund(found);
  return title;
}

function facts(pairs) {
  const rows = pairs.filter(([, value]) => value).map(([name, value]) => {
    const row = document.createElement("div");
    row.append(document.createElement("dt"), document.createElement("dd"));
    row.firstChild.textContent = name;
    row.lastChild.textContent = value;
    return row;
  });
  element("facts").replaceChildren(...rows);
}

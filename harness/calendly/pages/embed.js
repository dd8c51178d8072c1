"use strict";
const config = JSON.parse(document.getElementById("config").textContent);
const query = new URLSearchParams(location.search);
const embedded = query.has("embed_domain") && window.parent !== window;
const zone = query.get("timezone") || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const element = (id) => document.getElementById(id);
let chosen = null;

function tell(event, payload = {}) {
  if (embedded) window.parent.postMessage({ event, payload }, "*");
}
function tellHeight() {
  tell("calendly.page_height", { height: `${Math.ceil(document.documentElement.getBoundingClientRect().height)}px` });
}
function show(id) {
  for (const section of ["pick", "details", "done"]) element(section).hidden = section !== id;
  element(`${id}-title`).focus();
  tellHeight();
}
function clock(start, options) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(new Date(start));
}
async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(config.path + path, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.message || "Something went wrong. Please try again.");
  return content;
}

async function showTimes() {
  const day = element("day").value;
  if (!day) return;
  element("problem").textContent = "";
  element("status").textContent = "Looking for times…";
  element("times").replaceChildren();
  try {
    const { times } = await ask(`/times?date=${encodeURIComponent(day)}&timezone=${encodeURIComponent(zone)}`);
    element("status").textContent = times.length ? "" : "No times are available on this day.";
    for (const time of times) element("times").append(timeButton(time));
  } catch (error) {
    element("status").textContent = "";
    element("problem").textContent = error.message;
  }
  tellHeight();
}
function timeButton(time) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.start = time.start_time;
  const text = clock(time.start_time, { hour: "2-digit", minute: "2-digit" });
  button.textContent = config.group ? `${text} (${time.invitees_remaining} left)` : text;
  button.addEventListener("click", () => choose(time.start_time));
  const item = document.createElement("li");
  item.append(button);
  return item;
}
function choose(start) {
  chosen = start;
  tell("calendly.date_and_time_selected");
  element("chosen").textContent = clock(start, { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" }) + ` (${zone})`;
  if (config.mode === "reschedule") element("fields").replaceChildren();
  show("details");
}

function field(id, text, { type = "text", value = "", required = false, autocomplete = "off" } = {}) {
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = text + (required ? " *" : "");
  const input = document.createElement(type === "textarea" ? "textarea" : "input");
  if (type !== "textarea") input.type = type;
  Object.assign(input, { id, name: id, value, required, autocomplete });
  return [label, input];
}
function choices(id, question, multiple) {
  const set = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = question.name + (question.required ? " *" : "");
  set.append(legend);
  const prefilled = (query.get(id) || "").split(",");
  question.answer_choices.forEach((choice, number) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: multiple ? "checkbox" : "radio", name: id, id: `${id}-${number}`, value: choice, required: !multiple && question.required, checked: prefilled.includes(choice) });
    label.append(input, ` ${choice}`);
    set.append(label);
  });
  return [set];
}
function questionField(question, number) {
  const id = `a${number + 1}`;
  if (question.type === "single_select") return choices(id, question, false);
  if (question.type === "multi_select") return choices(id, question, true);
  const types = { text: "textarea", phone_number: "tel" };
  return field(id, question.name, { type: types[question.type] || "text", value: query.get(id) || "", required: question.required });
}
function buildForm() {
  if (config.mode !== "schedule") return;
  const names = config.names === "split"
    ? [...field("first_name", "First name", { value: query.get("first_name") || "", required: true, autocomplete: "given-name" }),
       ...field("last_name", "Last name", { value: query.get("last_name") || "", required: true, autocomplete: "family-name" })]
    : field("name", "Name", { value: query.get("name") || [query.get("first_name"), query.get("last_name")].filter(Boolean).join(" "), required: true, autocomplete: "name" });
  const mail = field("email", "Email", { type: "email", value: query.get("email") || "", required: true, autocomplete: "email" });
  const guests = query.get("guests") ? field("guests", "Guests (separated by commas)", { value: query.get("guests") }) : [];
  element("fields").append(...names, ...mail, ...guests, ...config.questions.flatMap(questionField));
}
function answers(data) {
  const given = {};
  config.questions.forEach((question, number) => {
    const values = data.getAll(`a${number + 1}`).filter((value) => value !== "");
    if (values.length) given[question.name] = values.join("\n");
  });
  return given;
}
function request() {
  if (config.mode === "reschedule") return { start_time: chosen };
  const data = new FormData(element("form"));
  const utm = {};
  for (const key of config.tracking) if (query.has(key)) utm[key] = query.get(key);
  const invitee = { email: data.get("email"), timezone: zone };
  for (const key of ["name", "first_name", "last_name"]) if (data.has(key)) invitee[key] = data.get(key);
  const guests = (data.get("guests") || "").split(",").map((guest) => guest.trim()).filter(Boolean);
  return { start_time: chosen, invitee, answers: answers(data), utm, guests, location: query.get("location") };
}
async function book(submitted) {
  submitted.preventDefault();
  element("problem").textContent = "";
  element("book").disabled = true;
  try {
    const { message, summary } = await ask("/book", request());
    element("summary").textContent = summary;
    show("done");
    if (message) tell(message.event, message.payload);
  } catch (error) {
    element("problem").textContent = error.message;
    tellHeight();
  } finally {
    element("book").disabled = false;
  }
}
async function cancel(submitted) {
  submitted.preventDefault();
  try {
    const { summary } = await ask("/cancel", { reason: element("reason").value });
    element("summary").textContent = summary;
    show("done");
  } catch (error) {
    element("problem").textContent = error.message;
  }
}

function start() {
  element("zone").textContent = ` · times in ${zone}`;
  element("back").addEventListener("click", () => show("pick"));
  buildForm();
  if (config.mode === "cancel") {
    element("fields").append(...field("reason", "Reason", { type: "textarea" }));
    element("book").textContent = "Cancel Event";
    element("back").hidden = true;
    element("form").addEventListener("submit", cancel);
    show("details");
    return;
  }
  element("form").addEventListener("submit", book);
  element("day").addEventListener("change", showTimes);
  element("day").min = config.today;
  element("day").value = query.get("date") || config.first_day;
  tell("calendly.event_type_viewed");
  showTimes();
}
start();

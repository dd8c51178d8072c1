// node-calendly has Calendly's address built in; what an application does about that is to lead fetch elsewhere.
import { createRequire } from "node:module";

const [base, token] = process.argv.slice(2);
const real = globalThis.fetch;
globalThis.fetch = (url, options) => real(String(url).replace("https://api.calendly.com", base), options);

const { default: Calendly } = createRequire(import.meta.url)("node-calendly");
const client = new Calendly(token);
const me = await client.users.getCurrentUser();
const types = await client.eventTypes.listUsersEventTypes({ user: me.uri });
const ofOrganization = await client.eventTypes.listOrganisationEventTypes({});
const kind = await client.eventTypes.getEventType({ uuid: types.collection[0].uri.split("/").pop() });
const start = new Date("2030-03-06T00:00:00Z");
const times = await client.eventTypes.listEventAvailableTimes({
  event_type: types.collection[0].uri, start_time: start, end_time: new Date("2030-03-07T00:00:00Z"),
});
const events = await client.scheduledEvents.listEvents({
  user: me.uri, count: 1, status: "active", sort: "start_time:asc", min_start_time: start,
});
const rest = await client.scheduledEvents.listEvents({
  user: me.uri, count: 1, status: "active", sort: "start_time:asc", min_start_time: start,
  page_token: events.pagination.next_page_token,
});
const invitees = await client.scheduledEvents.listEventInvitees(events.collection[0].uri.split("/").pop(), { status: "active" });
let refused = null;
try {
  await client.users.getUser({ uuid: "nobody" });
} catch (error) {
  refused = error.message;
}
console.log(JSON.stringify({
  me: { uri: me.uri, name: me.name, email: me.email },
  types: types.collection.map((row) => row.name),
  ofOrganization: ofOrganization.collection.length,
  kind: kind.name,
  times: times.collection.length,
  events: [events, rest].map((page) => page.collection[0].start_time),
  invitees: invitees.collection.map((row) => row.email),
  refused,
}));

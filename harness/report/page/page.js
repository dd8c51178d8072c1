"use strict";
(() => {
  const ROW = 58, SIGNS = {passed: "✓", failed: "✗", error: "⚠", skipped: "○", flaky: "↻"};
  const SETUP = {given: "what is there before", then: "what must hold in the end"}, SAYS_NOTHING = ["equals", "default", "none"];  // matchers that need no word
  const RANK = {failed: 0, error: 1, flaky: 2, skipped: 3, passed: 4};
  const $ = id => document.getElementById(id);
  const h = (tag, props, ...kids) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "on") for (const [event, call] of Object.entries(value)) node.addEventListener(event, call);
      else node.setAttribute(name, value === true ? "" : value);
    }
    for (const kid of kids.flat(Infinity)) if (kid !== null && kid !== undefined && kid !== false) node.append(kid);
    return node;
  };
  // what scrolls can be reached by keyboard; what does not is no stop on the way
  const overflow = new ResizeObserver(seen => { for (const {target} of seen)
    target.toggleAttribute("tabindex", target.scrollHeight > target.clientHeight + 1 || target.scrollWidth > target.clientWidth + 1) && target.setAttribute("tabindex", "0"); });
  const scrolling = node => { overflow.observe(node); return node; };
  const took = us => us < 1000 ? us + " µs" : us < 1e6 ? (us / 1000).toFixed(us < 1e4 ? 1 : 0) + " ms" : (us / 1e6).toFixed(1) + " s";
  const json = text => { try { return JSON.parse(text); } catch { return text; } };
  const pretty = text => { const value = json(text); return typeof value === "object" && value !== null ? JSON.stringify(value, null, 2) : String(text); };

  const unpack = async id => {
    const text = atob($(id).textContent.trim()), bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  const chunks = new Map();
  const chunk = number => {
    if (!chunks.has(number)) {
      if (chunks.size > 6) chunks.delete(chunks.keys().next().value);
      chunks.set(number, unpack("chunk-" + number));
    }
    return chunks.get(number);
  };

  let cases = [], shown = [], chosen = -1;
  const filter = {text: "", outcomes: new Set(), tag: "", feature: "", rule: "", sort: "order"};
  const state = one => one.flaky ? "flaky" : one.outcome;

  const matches = one => {
    if (filter.outcomes.size && !filter.outcomes.has(one.outcome) && !(one.flaky && filter.outcomes.has("flaky"))) return false;
    if (filter.tag && !one.tags.includes(filter.tag)) return false;
    if (filter.feature && one.feature !== filter.feature) return false;
    if (filter.rule && !one.covers.includes(filter.rule)) return false;
    return filter.text.split(/\s+/).every(word => one.text.includes(word));
  };
  const apply = keep => {
    const before = shown[chosen];
    shown = cases.filter(matches);
    if (filter.sort === "worst") shown.sort((a, b) => RANK[state(a)] - RANK[state(b)] || a.at - b.at);
    if (filter.sort === "slow") shown.sort((a, b) => b.took - a.took);
    chosen = shown.indexOf(before);
    $("shown").textContent = shown.length === cases.length ? cases.length.toLocaleString("en") : `${shown.length.toLocaleString("en")} of ${cases.length.toLocaleString("en")}`;
    $("spacer").style.height = shown.length * ROW + "px";
    $("clear").hidden = shown.length === cases.length && !filter.text;
    for (const button of document.querySelectorAll("[data-outcome]")) button.setAttribute("aria-pressed", filter.outcomes.has(button.dataset.outcome));
    for (const button of document.querySelectorAll("[data-rule]")) button.setAttribute("aria-pressed", filter.rule === button.dataset.rule);
    if (!keep) $("list").scrollTop = 0;
    draw();
  };

  const rowOf = (one, index) => {
    const kind = state(one), bad = one.failure && one.outcome !== "passed";
    return h("div", {class: "row", id: "row-" + index, role: "option", "aria-selected": index === chosen ? "true" : "false", "aria-setsize": shown.length,
        "aria-posinset": index + 1, on: {click: () => choose(index)}},
      h("span", {class: "sign " + kind, "aria-hidden": "true"}, SIGNS[kind]),
      h("span", {class: "name", title: one.id}, h("span", {class: "sr"}, kind + ": "), one.name),
      h("span", {class: "took"}, took(one.took)),
      h("span", {class: "sub" + (bad ? " bad" : "")}, one.values + (bad ? one.failure : one.file + ":" + one.line)));
  };
  const draw = () => {
    const list = $("list"), first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
    const last = Math.min(shown.length, first + Math.ceil(list.clientHeight / ROW) + 12);
    const rows = [];
    for (let index = first; index < last; index++) rows.push(rowOf(shown[index], index));
    if (!shown.length) rows.push(h("div", {class: "muted", style: "padding:16px", role: "option", "aria-disabled": "true"}, cases.length ? "No scenario fits these filters." : "This run holds no scenario."));
    $("window").style.transform = `translateY(${first * ROW}px)`;
    $("window").replaceChildren(...rows);
    if (chosen >= first && chosen < last) list.setAttribute("aria-activedescendant", "row-" + chosen);
    else list.removeAttribute("aria-activedescendant");
  };
  const choose = (index, focus) => {
    if (index < 0 || index >= shown.length) return;
    chosen = index;
    const list = $("list"), top = index * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    draw();
    show(shown[index]).then(() => focus && $("detail").focus());
    history.replaceState(null, "", "#" + encodeURIComponent(shown[index].id));
  };

  const badge = kind => h("span", {class: "badge " + kind}, h("span", {"aria-hidden": "true"}, SIGNS[kind]), kind);
  const toast = text => { $("toast").textContent = text; $("toast").classList.add("on"); setTimeout(() => $("toast").classList.remove("on"), 1400); };
  const copy = text => {
    const done = () => toast("Copied");
    const by_hand = () => { const area = h("textarea", {}, text); document.body.append(area); area.select(); document.execCommand("copy"); area.remove(); done(); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, by_hand); else by_hand();
  };

  const show = async (one, attempt) => {
    const number = attempt === undefined ? one.attempts.length - 1 : attempt;
    const [from, position] = one.attempts[number];
    const data = await chunk(from);
    if (shown[chosen] !== one) return;
    const [records, bodies] = data[position];
    const of = name => records.filter(record => record.record === name);
    const texts = new Map(bodies.concat(of("bodies")).map(body => [body.body_id, body]));
    const scenario = of("scenarios")[0] || {failure_text: null, outcome: one.outcome, flaky: false};
    const kind = scenario.flaky ? "flaky" : scenario.outcome;
    const parts = [
      h("h3", {}, one.name),
      h("div", {class: "meta"}, badge(kind), one.values && h("code", {}, one.values), h("span", {}, one.file + ":" + one.line), h("span", {}, "as " + scenario.actor),
        h("span", {}, took(scenario.duration_us || 0)), h("span", {}, "seed " + scenario.seed)),
      one.covers.length || one.tags.length ? h("div", {class: "meta"}, one.covers.map(rule => h("code", {title: rules[rule] || ""}, rule)), one.tags.map(tag => h("span", {}, "#" + tag))) : null,
      scenario.rerun && h("div", {class: "copy"}, h("code", {}, scenario.rerun), h("button", {type: "button", on: {click: () => copy(scenario.rerun)}}, "Copy")),
    ];
    if (one.attempts.length > 1) parts.push(h("div", {class: "tabs", role: "tablist", "aria-label": "Attempts"}, one.attempts.map((_, index) =>
      h("button", {type: "button", role: "tab", "aria-selected": index === number ? "true" : "false", on: {click: () => show(one, index)}}, `Attempt ${index + 1}`))));
    if (scenario.failure_text && scenario.outcome !== "skipped") parts.push(h("h4", {}, "What went wrong"), scrolling(h("pre", {class: "failure"}, scenario.failure_text)));
    if (scenario.outcome === "skipped") parts.push(h("p", {}, "Skipped: " + (scenario.failure || "no reason given")));
    for (const note of scenario.notes || []) parts.push(h("p", {class: "note"}, "Note: " + note));
    const steps = of("steps");
    if (steps.length) parts.push(h("h4", {}, `Steps (${steps.length})`));
    const group = name => { const found = new Map(); for (const record of of(name)) (found.get(record.step) || found.set(record.step, []).get(record.step)).push(record); return found; };
    const by = {checks: group("checks"), exchanges: group("exchanges"), row_changes: group("row_changes"), calendly_calls: group("calendly_calls"), deliveries: group("deliveries"), logs: group("logs")};
    for (const step of steps) parts.push(stepOf(step, name => by[name].get(step.step) || [], texts));
    const detail = $("detail");
    detail.classList.add("chosen"); $("scenarios").classList.add("has-detail");
    detail.replaceChildren(...parts.filter(Boolean));
    detail.setAttribute("aria-label", "Evidence of " + one.name);
  };

  const stepOf = (step, of, texts) => {
    const checks = of("checks"), bad = checks.filter(check => check.outcome !== "passed");
    const facts = [checks.length && `${checks.length - bad.length}/${checks.length} checks`, of("exchanges").length && `${of("exchanges").length} req`,
      of("row_changes").length && `${new Set(of("row_changes").map(cell => cell.change)).size} rows`, took(step.duration_us)].filter(Boolean).join(" · ");
    const open = step.outcome !== "passed" && step.outcome !== "skipped";
    const node = h("details", {class: "step " + step.outcome, open},
      h("summary", {}, h("span", {class: "sign " + step.outcome}, h("span", {"aria-hidden": "true"}, SIGNS[step.outcome]), h("span", {class: "sr"}, step.outcome)),
        h("span", {class: "number", title: "Step " + step.step}, step.step), h("span", {class: "phase"}, step.phase), h("span", {class: "ttl"}, step.title === step.phase ? SETUP[step.phase] || "" : step.title), h("span", {class: "facts-in"}, facts)));
    const fill = () => {
      if (node.children.length > 1) return;
      const detail = json(step.detail), clock = step.clock.replace(/\.0+Z$/, "Z");
      node.append(h("div", {}, checksOf(checks), of("exchanges").map(one => exchangeOf(one, texts)), rowsOf(of("row_changes")), callsOf(of("calendly_calls"), texts),
        deliveriesOf(of("deliveries"), texts), logsOf(of("logs")),
        h("p", {class: "muted"}, `Clock ${clock} · line ${step.line}`, detail && typeof detail === "object" && Object.keys(detail).length ? " · " + Object.entries(detail).map(([k, v]) => `${k} ${typeof v === "object" ? JSON.stringify(v) : v}`).join(" · ") : "")));
    };
    node.addEventListener("toggle", () => node.open && fill());
    if (open) fill();
    return node;
  };
  // on a narrow screen a row is a block, and each cell says its own head
  const labelled = (heads, row) => { const cells = [...row.children]; cells.forEach((cell, i) => cell.dataset.label = heads[heads.length - cells.length + i]); return row; };
  const table = (heads, rows) => scrolling(h("div", {class: "wide"}, h("table", {}, h("thead", {}, h("tr", {}, heads.map(head => h("th", {scope: "col"}, head)))), h("tbody", {}, rows.map(row => labelled(heads, row))))));
  const checksOf = checks => checks.length ? [h("h4", {}, "Checks"), table(["Outcome", "Kind", "Where", "Expected", "Got", "Line"], checks.map(check =>
    h("tr", {class: check.outcome === "passed" ? null : "bad"}, h("td", {class: "t-" + check.outcome}, h("span", {"aria-hidden": "true"}, SIGNS[check.outcome]), h("span", {class: "sr"}, check.outcome)),
      h("td", {}, check.kind), h("td", {class: "mono"}, check.path), h("td", {class: "mono"}, (SAYS_NOTHING.includes(check.matcher) || check.expected.includes(check.matcher) ? "" : check.matcher + " ") + check.expected), h("td", {class: "mono"}, check.actual),
      h("td", {class: "num"}, check.line + ":" + check.column + (check.tries > 1 ? ` (${check.tries} tries)` : "")))))] : [];
  const bodyOf = (id, texts) => { const body = id && texts.get(id); return body ? scrolling(h("pre", {}, pretty(body.text) + (body.truncated ? "\n… (cut)" : ""))) : h("p", {class: "muted"}, id ? "This body was not kept." : "No body."); };
  const headersOf = text => { const value = json(text); return value && typeof value === "object" && Object.keys(value).length ? h("details", {}, h("summary", {class: "muted"}, "Headers"), scrolling(h("pre", {}, Object.entries(value).map(([k, v]) => `${k}: ${v}`).join("\n")))) : null; };
  const exchangeOf = (one, texts) => [h("h4", {}, `Request ${one.exchange}` + (one.actor ? " by " + one.actor : "")), h("details", {class: "exchange", open: true},
    h("summary", {}, `${one.method} ${one.path} → ${one.status === null ? "no answer: " + one.error : one.status} in ${took(one.duration_us)}`),
    h("div", {class: "two"}, h("div", {}, h("p", {class: "muted"}, "Sent"), headersOf(one.request_headers), bodyOf(one.request_body, texts)), h("div", {}, h("p", {class: "muted"}, "Answered"), headersOf(one.response_headers), bodyOf(one.response_body, texts))))];
  const rowsOf = cells => {
    if (!cells.length) return [];
    const changes = new Map();
    for (const cell of cells) (changes.get(cell.change) || changes.set(cell.change, []).get(cell.change)).push(cell);
    const rows = [];
    for (const group of changes.values()) {
      const one = group[0];
      group.forEach((cell, index) => rows.push(h("tr", {}, index ? null : h("td", {rowspan: group.length}, h("span", {class: "op"}, one.operation), " ", one.table, h("br"), h("span", {class: "muted mono"}, Object.values(json(one.key) || {}).join(", ")), h("br"), h("span", {class: "muted"}, "transaction " + one.transaction)),
        h("td", {class: "mono"}, cell.column), h("td", {class: "mono" + (cell.before === null ? "" : " before")}, cell.before === null ? "" : cell.before), h("td", {class: "mono" + (cell.after === null ? "" : " after")}, cell.after === null ? "" : cell.after))));
    }
    return [h("h4", {}, `Rows changed (${changes.size})`), table(["Row", "Column", "Before", "After"], rows)];
  };
  const callsOf = (calls, texts) => calls.length ? [h("h4", {}, "Calls to providers"), calls.map(call => h("details", {class: "exchange"},
    h("summary", {}, `${call.provider}: ${call.method} ${call.url} → ${call.status === null ? "no answer" : call.status}` + (call.fault ? ` · fault: ${call.fault}` : "") + (call.matched ? "" : " · no endpoint fits")), h("div", {class: "two"}, bodyOf(call.request_body, texts), bodyOf(call.response_body, texts))))] : [];
  const deliveriesOf = (all, texts) => all.length ? [h("h4", {}, "Deliveries"), all.map(one => h("details", {class: "exchange"},
    h("summary", {}, `${one.provider}: ${one.event}, attempt ${one.delivery_attempt} → ${one.status === null ? one.outcome : one.status + " " + one.outcome}`), headersOf(one.request_headers), h("div", {class: "two"}, bodyOf(one.request_body, texts), bodyOf(one.response_body, texts))))] : [];
  const logsOf = logs => logs.length ? [h("h4", {}, "Logs"), table(["Level", "Logger", "Message", "Fields"], logs.map(log => h("tr", {}, h("td", {class: log.level === "error" ? "t-failed" : ""}, log.level), h("td", {}, log.logger), h("td", {}, log.message), h("td", {class: "mono"}, log.fields === "{}" ? "" : log.fields))))] : [];

  let rules = {};
  const listen = () => {
    let waiting = false;
    $("list").addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } }, {passive: true});
    addEventListener("resize", draw);
    $("search").addEventListener("input", event => { filter.text = event.target.value.trim().toLowerCase(); apply(); });
    for (const name of ["tag", "feature", "rule", "sort"]) $(name).addEventListener("change", event => { filter[name] = event.target.value; apply(); });
    for (const button of document.querySelectorAll("[data-outcome]")) button.addEventListener("click", () => {
      const name = button.dataset.outcome; if (!filter.outcomes.delete(name)) filter.outcomes.add(name); apply(); });
    const go = () => $("scenarios").scrollIntoView({block: "start"});
    for (const button of document.querySelectorAll("[data-rule]")) button.addEventListener("click", () => {
      filter.rule = filter.rule === button.dataset.rule ? "" : button.dataset.rule; $("rule").value = filter.rule; apply(); if (filter.rule) go(); });
    for (const button of document.querySelectorAll("[data-feature]")) button.addEventListener("click", () => { filter.feature = button.dataset.feature; $("feature").value = filter.feature; apply(); go(); });
    $("clear").addEventListener("click", () => {
      Object.assign(filter, {text: "", outcomes: new Set(), tag: "", feature: "", rule: ""});
      for (const name of ["search", "tag", "feature", "rule"]) $(name).value = "";
      apply(); $("search").focus(); });
    $("list").addEventListener("keydown", event => {
      const step = {ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10}[event.key];
      if (step) choose(Math.min(shown.length - 1, Math.max(0, chosen < 0 ? 0 : chosen + step)));
      else if (event.key === "Home") choose(0);
      else if (event.key === "End") choose(shown.length - 1);
      else if (event.key === "Enter") choose(Math.max(0, chosen), true);
      else return;
      event.preventDefault(); });
    $("detail").addEventListener("keydown", event => { if (event.key === "Escape") $("list").focus(); });
    addEventListener("keydown", event => { if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); $("search").focus(); } });
    $("theme").addEventListener("click", () => {
      const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      document.documentElement.dataset.theme = dark ? "light" : "dark"; });
  };

  const begin = async () => {
    const index = await unpack("index");
    rules = index.rules;
    cases = index.cases.map((values, at) => {
      const one = Object.fromEntries(index.columns.map((name, i) => [name, values[i]]));
      one.at = at;
      const bracket = one.id.indexOf("[");
      one.values = bracket > 0 ? one.id.slice(bracket) + "  " : "";
      const bare = one.name.indexOf(" [");
      if (one.values && bare > 0) one.name = one.name.slice(0, bare);
      one.text = [one.id, one.name, one.feature, one.tags.join(" "), one.covers.join(" "), one.failure || "", one.outcome, one.flaky ? "flaky" : ""].join(" ").toLowerCase();
      return one;
    });
    const bad = cases.some(one => one.outcome === "failed" || one.outcome === "error");
    if (bad) { filter.sort = "worst"; $("sort").value = "worst"; }
    listen();
    apply();
    const wanted = decodeURIComponent(location.hash.slice(1)), found = shown.findIndex(one => one.id === wanted);
    if (found >= 0) choose(found); else if (bad) {
      chosen = 0; draw();
      $("detail").replaceChildren(h("h3", {}, shown[0].name), h("pre", {class: "failure"}, shown[0].failure || ""), h("p", {class: "muted"}, "Its evidence is being opened …"));
      await show(shown[0]);
    }
    document.documentElement.dataset.ready = "yes";
  };
  begin();
})();

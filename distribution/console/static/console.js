// The console's behaviour: forms that speak to /v1, live parts, keys, charts. No state of its own.
"use strict";
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // --- notes

  function tell(words, tone = "good") {
    const note = document.createElement("p");
    note.className = tone;
    note.textContent = words;
    one("#notes").append(note);
    setTimeout(() => note.remove(), 6000);
  }

  // --- forms that speak to the API

  function valueOf(field) {
    if (field.type === "checkbox") return field.checked;
    if (field.dataset.kind === "number") return Number(field.value);
    if (field.multiple) return [...field.selectedOptions].map((option) => option.value);
    if (field.dataset.kind === "lines") return field.value.split("\n").map((l) => l.trim()).filter(Boolean);
    return field.value;
  }

  function bodyOf(form) {
    const body = {};
    for (const field of form.elements) {
      if (!field.name || field.disabled) continue;
      if (field.type === "radio" && !field.checked) continue;
      if (field.value === "" && field.dataset.optional !== undefined) continue;
      const names = field.name.split(".");
      const last = names.pop();
      const place = names.reduce((at, name) => (at[name] ??= {}), body);
      place[last] = valueOf(field);
    }
    return body;
  }

  function addressOf(form) {
    return form.dataset.api.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(one(`[name="${name}"],[data-path="${name}"]`, form).value));
  }

  async function send(method, address, body) {
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const csrf = one('meta[name="csrf"]');
    if (csrf) headers["X-CSRF-Token"] = csrf.content;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const answer = await fetch(address, { method, headers, body: sent, credentials: "same-origin" });
    if (answer.ok) return answer.status === 204 ? null : answer.json().catch(() => null);
    const found = await answer.json().catch(() => null);
    const error = found && found.error;
    const words = error ? [error.message, error.hint].filter(Boolean).join("; ") : `the server answered ${answer.status}`;
    throw Object.assign(new Error(words), { status: answer.status });
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-api]");
    if (!form) return;
    event.preventDefault();
    const wrong = one(".wrong", form);
    const buttons = all("button", form);
    if (wrong) wrong.textContent = "";
    buttons.forEach((button) => (button.disabled = true));
    form.setAttribute("aria-busy", "true");
    try {
      await send(form.dataset.method || "POST", addressOf(form), bodyOf(form));
      const then = form.dataset.then;
      if (then) {
        location.assign(then.startsWith("/") && !then.startsWith("//") ? then : "/");
        return;
      }
      form.closest("dialog")?.close();
      form.reset();
      tell(form.dataset.done || "Done.");
      refreshAll();
    } catch (error) {
      const refused = error.status === 401;
      if (refused && !form.dataset.refused) return void location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
      const words = refused ? form.dataset.refused : error.message;
      if (wrong) wrong.textContent = words;
      else tell(words, "bad");
    } finally {
      buttons.forEach((button) => (button.disabled = false));
      form.removeAttribute("aria-busy");
    }
  });

  document.addEventListener("click", async (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) return one(opener.dataset.open).showModal();
    if (event.target.closest("[data-close]")) return event.target.closest("dialog").close();
    if (event.target.closest("[data-theme-switch]")) return switchTheme();
    if (event.target.closest("[data-menu]")) return switchMenu();
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(one(copy.dataset.copy).textContent.trim());
      return tell("Copied.");
    }
    if (event.target.closest("[data-log-out]")) {
      try { await send("DELETE", "/v1/session"); } finally { location.assign("/login"); }
    }
    const row = event.target.closest("tr[data-href]");
    if (row && !event.target.closest("a,button,input,label") && !String(getSelection())) location.assign(row.dataset.href);
  });

  function switchTheme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    drawCharts();
  }

  function switchMenu() {
    const open = document.body.classList.toggle("menu-open");
    one("[data-menu]").setAttribute("aria-expanded", String(open));
  }

  // --- live parts: those that name an event's kind fetch themselves anew when it happens

  const WAIT = 1000;
  const dirtyRows = new Set();
  let dirtyKinds = new Set();
  let timer = null;

  // Whoever writes there does not lose it, also when they look elsewhere for a moment.
  function isInUse(part) {
    const isTyped = (field) => !field.closest("dialog") && field.value !== field.defaultValue;
    return one("dialog[open]", part) || all("textarea,input", part).some(isTyped) || part.contains(document.activeElement?.closest("form"));
  }

  function refresh(part) {
    if (document.hidden || isInUse(part)) return;
    htmx.trigger(part, "live");
  }

  function refreshAll() {
    all("[data-live]").forEach(refresh);
  }

  function happened(event) {
    dirtyKinds.add(event.type);
    const told = JSON.parse(event.data);
    if (told.site_id) dirtyRows.add(told.site_id);
    timer ??= setTimeout(settle, WAIT);
  }

  function settle() {
    const kinds = dirtyKinds, rows = [...dirtyRows];
    dirtyKinds = new Set();
    dirtyRows.clear();
    timer = null;
    all("[data-live]").filter((part) => part.dataset.live.split(" ").some((kind) => kinds.has(kind))).forEach(refresh);
    refreshRows(rows);
  }

  async function refreshRows(sites) {
    const seen = sites.map((id) => document.getElementById(`site-${id}`)).filter((row) => row && isInView(row)).slice(0, 50);
    if (!seen.length) return;
    const names = seen.map((row) => row.id.slice("site-".length)).join(",");
    const answer = await fetch(`/fleet/rows?only=${encodeURIComponent(names)}`, { headers: { "HX-Request": "true" } });
    if (answer.status !== 200) return;
    const body = document.createElement("table");
    body.innerHTML = await answer.text();
    for (const row of all("tr[id]", body)) {
      const old = document.getElementById(row.id);
      if (old && !old.contains(document.activeElement)) old.replaceWith(row);
    }
  }

  function isInView(row) {
    const box = row.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  }

  function listen() {
    const source = document.body.dataset.events;
    if (!source) return void setInterval(refreshAll, 10000);
    if (!one("[data-live],tr[id^=site-]")) return;
    const light = one("[data-live-light]");
    const stream = new EventSource(source);
    stream.onopen = () => { light.hidden = false; light.classList.remove("lost"); };
    stream.onerror = () => light.classList.add("lost");
    for (const kind of document.body.dataset.kinds?.split(" ") ?? KINDS) stream.addEventListener(kind, happened);
    addEventListener("pagehide", () => stream.close());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
    document.addEventListener("visibilitychange", () => document.hidden || refreshAll());
  }
  const KINDS = ["check_in", "phase", "wave", "rollout", "brake", "approval", "window", "review", "known", "ticket", "step"];

  // --- moments

  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

  function distance(seconds) {
    const size = Math.abs(seconds);
    if (size < 1) return "now";
    const [unit, name] = UNITS.find(([u]) => size >= (u === 86400 ? 2 * u : u)) ?? [1, "s"];
    const words = `${Math.round(size / unit)} ${name}`;
    return seconds > 0 ? `in ${words}` : `${words} ago`;
  }

  function tick() {
    const chunks = new Map(all("tbody").map((chunk) => [chunk, isInView(chunk)]));
    for (const time of all("time[data-ago]")) {
      if (chunks.get(time.closest("tbody")) === false) continue;
      const words = distance((new Date(time.dateTime) - Date.now()) / 1000);
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // --- keys

  let waiting = "";

  function isTyping(target) {
    return target.closest("input,textarea,select,[contenteditable]");
  }

  function moveRow(step) {
    const rows = all("tr[data-href]");
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement.closest?.("tr[data-href]"));
    const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
    next.tabIndex = 0;
    next.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
    if (isTyping(event.target) || one("dialog[open]")) return;
    if (waiting === "g") {
      waiting = "";
      const there = one(`nav [data-key="${CSS.escape(event.key)}"]`);
      if (there) location.assign(there.href);
      return;
    }
    const row = event.target.closest?.("tr[data-href]");
    if (event.key === "g") waiting = "g";
    else if (event.key === "j") moveRow(1);
    else if (event.key === "k") moveRow(-1);
    else if (event.key === "Enter" && row && event.target === row) location.assign(row.dataset.href);
    else if (event.key === "?") one("#keyboard")?.showModal();
    else if (event.key === "/") {
      const filter = one("input[type=search]");
      if (filter) { event.preventDefault(); filter.focus(); filter.select(); }
    }
  });

  // --- charts: <figure data-chart='{"x": [...], "series": [{"label", "tone", "y"}]}'>

  const charts = new Map();

  function colour(tone) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${tone}`).trim();
  }

  const TIMES = [
    [86400, "{D} {MMM}", null, null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  ];

  function drawCharts() {
    if (!window.uPlot) return;
    for (const [figure, chart] of charts) { chart.destroy(); charts.delete(figure); }
    for (const figure of all("[data-chart]")) {
      const said = JSON.parse(figure.dataset.chart);
      const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "11px system-ui" };
      const options = {
        width: figure.clientWidth, height: 180, padding: [8, 8, 0, 0], legend: { show: true, live: false },
        cursor: { y: false }, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"), axes: [{ ...axis, values: TIMES }, { ...axis, size: 44 }],
        scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.05, 1)] } },
        series: [{}, ...said.series.map((line) => ({ label: line.label, stroke: colour(line.tone), width: 1.5, fill: line.fill ? colour(line.tone) + "22" : undefined, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }))],
      };
      figure.replaceChildren(...all("figcaption", figure));
      charts.set(figure, new uPlot(options, [said.x, ...said.series.map((line) => line.y)], figure));
    }
  }

  // What can be scrolled sideways can be reached by keyboard too.
  function reachScrolled() {
    for (const part of all(".scroll")) {
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    }
  }

  function fit() {
    reachScrolled();
    for (const [figure, chart] of charts) {
      if (chart.width !== figure.clientWidth) chart.setSize({ width: figure.clientWidth, height: chart.height });
    }
  }

  addEventListener("resize", fit);
  document.addEventListener("htmx:afterSettle", () => { drawCharts(); reachScrolled(); });
  document.addEventListener("htmx:responseError", (event) => tell(`the server answered ${event.detail.xhr.status}`, "bad"));
  document.addEventListener("htmx:sendError", () => tell("the server does not answer", "bad"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);

  setInterval(tick, 1000);
  addEventListener("DOMContentLoaded", () => { drawCharts(); reachScrolled(); listen(); });
})();

// The wall by itself: fragments are put in place, clocks tick, a lost stream is shown. Nothing is kept.
"use strict";

const SILENT_AFTER_MS = 6000; // the server speaks every 2 s
const [arrival] = performance.getEntriesByType("navigation");
const serverAhead =
  Number(document.body.dataset.now) - performance.timeOrigin - (arrival ? arrival.responseStart : performance.now());
const serverNow = () => Date.now() + serverAhead;
const beijing = { hour12: false, timeZone: "Asia/Shanghai" };
let lastHeard = Date.now();
let stale = false;

function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const m = Math.floor((s % 3600) / 60);
  return h ? `${h}:${pad(m)}:${pad(s % 60)}` : `${m}:${pad(s % 60)}`;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function tick(root) {
  for (const clock of root.querySelectorAll("time.tick")) {
    const seconds = (serverNow() - Number(clock.dataset.since)) / 1000;
    put(clock, duration(seconds));
    if (clock.dataset.late) clock.parentNode.classList.toggle("miss", seconds > Number(clock.dataset.late));
  }
}

function showTime() {
  put(document.getElementById("clock"), new Date(serverNow()).toLocaleTimeString("zh-CN", beijing));
}

function showLost(lost) {
  const band = document.getElementById("lost");
  if (band.hidden === !lost) return;
  if (lost) put(document.getElementById("lost-at"), new Date(lastHeard + serverAhead).toLocaleTimeString("zh-CN", beijing));
  band.hidden = !lost;
  judge();
}

function judge() {
  stale = !document.getElementById("lost").hidden || document.querySelector("#health [data-stale]") !== null;
  document.body.classList.toggle("stale", stale);
}

function heard() {
  lastHeard = Date.now();
  showLost(false);
}

const source = new EventSource("/events/wall");
for (const name of ["alerts", "rate", "waiting", "agents", "hours", "owed", "lines", "health"]) {
  source.addEventListener(name, (event) => {
    const place = document.getElementById(name);
    if (name !== "health" || place.innerHTML.trim() !== event.data.trim()) {
      place.innerHTML = event.data;
      if (!stale) tick(place);
      judge();
    }
    heard();
  });
}
source.addEventListener("signed-out", () => window.location.reload());
source.addEventListener("open", heard);
source.addEventListener("error", () => {
  showLost(true);
  if (source.readyState === EventSource.CLOSED) window.setTimeout(() => window.location.reload(), 5000);
});

window.setInterval(() => {
  showTime();
  if (Date.now() - lastHeard > SILENT_AFTER_MS) showLost(true);
  if (!stale) tick(document);
}, 500);
showTime();
tick(document);
judge();

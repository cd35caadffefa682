// What the page does by itself: clocks tick, a lost stream is shown, evidence is highlighted.
"use strict";

const SILENT_AFTER_MS = 6000; // the server speaks every 2 s
const HIDDEN_CLOSE_MS = 60000; // a browser allows six streams a host: hidden pages give theirs back

// the page left the server when its first byte came, not when this script runs
const [arrival] = performance.getEntriesByType("navigation");
const serverAhead =
  Number(document.body.dataset.now) - performance.timeOrigin - (arrival ? arrival.responseStart : performance.now());
const serverNow = () => Date.now() + serverAhead;

function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  const h = Math.floor(s / 3600);
  const m = Math.floor((s % 3600) / 60);
  return h ? `${h}:${pad(m)}:${pad(s % 60)}` : `${m}:${pad(s % 60)}`;
}

function tick() {
  for (const clock of document.querySelectorAll("time.tick[data-since]")) {
    clock.textContent = duration((serverNow() - Number(clock.dataset.since)) / 1000);
  }
}

// --- the stream --------------------------------------------------------------------------------
let lastHeard = Date.now();
let source = null;
let hiddenTimer = 0;
let givenBack = false;

function showLost(lost) {
  const banner = document.getElementById("stream-lost");
  if (!banner || banner.hidden === !lost) return;
  if (lost) {
    const beijing = { hour12: false, timeZone: "Asia/Shanghai" };
    document.getElementById("stream-lost-at").textContent =
      new Date(lastHeard + serverAhead).toLocaleTimeString("zh-CN", beijing);
  }
  banner.hidden = !lost;
  document.getElementById("stream").classList.toggle("lost", lost);
}

function heard() {
  lastHeard = Date.now();
  showLost(false);
}

document.addEventListener("htmx:sseOpen", (event) => {
  source = event.detail.source;
  source.addEventListener("signed-out", () => window.location.reload());
  heard();
});
document.addEventListener("htmx:sseError", () => showLost(true));
document.addEventListener("htmx:sseBeforeMessage", () => { lastHeard = Date.now(); });

// a refused form (an old page, an ended session) is never silent: the page is fetched anew, or the login is
document.addEventListener("htmx:responseError", () => window.location.reload());
document.addEventListener("htmx:sendError", () => showLost(true));

document.addEventListener("visibilitychange", () => {
  window.clearTimeout(hiddenTimer);
  if (document.visibilityState === "hidden") {
    hiddenTimer = window.setTimeout(() => {
      if (source) source.close();
      givenBack = Boolean(source);
    }, HIDDEN_CLOSE_MS);
  } else if (givenBack) {
    window.location.reload();
  }
});

// --- words follow the speaker, unless the reader has scrolled up -----------------------------------
const words = document.getElementById("words");
let following = true;
if (words) {
  words.addEventListener("scroll", () => {
    following = words.scrollHeight - words.scrollTop - words.clientHeight < 48;
  }, { passive: true });
  if (!document.querySelector("#draft .field")) words.scrollTop = words.scrollHeight;
}

// --- a moment of a call, named in the address: shown in its own transcript, and not lost when words are renewed
function showMoment(scroll) {
  for (const old of document.querySelectorAll(".bubble.found")) old.classList.remove("found");
  const id = decodeURIComponent(window.location.hash.slice(1));
  const turn = /^(record|live)-\d+$/.test(id) ? document.getElementById(id) : null;
  if (!turn) return;
  turn.classList.add("found");
  if (!scroll) return;
  const which = document.getElementById(turn.closest("#record") ? "which-record" : "which-said");
  if (which) which.checked = true;
  following = false;
  if (words) words.scrollTop += turn.getBoundingClientRect().top - words.getBoundingClientRect().top - words.clientHeight / 3;
  turn.scrollIntoView({ block: "nearest" });
}
window.addEventListener("hashchange", () => showMoment(true));

document.addEventListener("htmx:sseMessage", () => {
  heard();
  tick();
  if (words && following && !document.querySelector("#draft .field")) words.scrollTop = words.scrollHeight;
  if (pinned) highlight(pinned, false);
  showMoment(false);
});

// --- evidence: a field of the draft and the words it came from ----------------------------------------
let pinned = null;

function highlight(field, scroll) {
  for (const old of document.querySelectorAll(".active")) old.classList.remove("active");
  if (!field) return;
  for (const row of document.querySelectorAll(".field")) {
    row.classList.toggle("active", row.dataset.field === field);
  }
  const marks = [...document.querySelectorAll("mark[data-fields]")]
    .filter((mark) => mark.dataset.fields.split(" ").includes(field));
  for (const mark of marks) mark.classList.add("active");
  const own = document.getElementById("which-said");
  if (scroll && marks.length && own && !own.checked) own.checked = true;
  if (scroll && marks.length && words) {
    const box = words.getBoundingClientRect();
    const at = marks[0].getBoundingClientRect();
    if (at.top < box.top || at.bottom > box.bottom) {
      words.scrollTop += at.top - box.top - words.clientHeight / 3;
    }
  }
}

const fieldOf = (target) => {
  const row = target instanceof Element ? target.closest(".field") : null;
  return row ? row.dataset.field : null;
};
document.addEventListener("mouseover", (event) => {
  const field = fieldOf(event.target);
  if (field) highlight(field, true);
  else if (!(event.target instanceof Element && event.target.closest("mark"))) highlight(pinned, false);
});
document.addEventListener("focusin", (event) => {
  pinned = fieldOf(event.target);
  highlight(pinned, true);
});
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a.value[data-field]") : null;
  const mark = event.target instanceof Element ? event.target.closest("mark[data-fields]:not(.wide)") : null;
  if (link) {
    event.preventDefault();
    pinned = link.dataset.field;
    highlight(pinned, true);
  } else if (mark) {
    pinned = mark.dataset.fields.split(" ")[0];
    highlight(pinned, false);
  }
});
document.addEventListener("keydown", (event) => {
  const search = document.getElementById("q");
  const typing = event.target instanceof Element && event.target.matches("input, select, textarea");
  if (event.key === "/" && search && !typing) {
    event.preventDefault();
    search.select();
  }
  if (event.key === "Escape") {
    pinned = null;
    highlight(null, false);
  }
});


// the main navigation's menus: one is open at a time, and none once people turn to something else
const closeMenus = (but) => {
  for (const menu of document.querySelectorAll(".top details[open]")) {
    if (menu !== but) menu.open = false;
  }
};
const menuOf = (target) => (target instanceof Element ? target.closest(".top details") : null);
document.addEventListener("click", (event) => closeMenus(menuOf(event.target)));
document.addEventListener("focusin", (event) => closeMenus(menuOf(event.target)));
document.addEventListener("keydown", (event) => {
  const menu = menuOf(event.target);
  if (event.key === "Escape" && menu && menu.open) {
    menu.querySelector("summary").focus();
    menu.open = false;
  }
});

window.setInterval(() => {
  tick();
  if (source && !givenBack && Date.now() - lastHeard > SILENT_AFTER_MS) showLost(true);
}, 500);
tick();
showMoment(true);

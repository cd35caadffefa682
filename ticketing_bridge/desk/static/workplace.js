// The agent's workplace: fields that fill by themselves and are never taken from a person, keys, the player.
"use strict";

const place = document.getElementById("stream");
const sheet = document.getElementById("sheet");
const csrf = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRF-Token"];
const SAVE_AFTER_MS = 500;
const RETRY_MS = [1000, 2000, 4000, 8000];

const byId = (id) => document.getElementById(id);
const show = (node, text) => { if (node) { node.hidden = !text; if (text) node.textContent = text; } };

async function post(address, fields, json = false) {
  const headers = { "X-CSRF-Token": csrf, Accept: "application/json" };
  if (json) headers["Content-Type"] = "application/json";
  const answer = await fetch(address, {
    method: "POST", headers, body: json ? JSON.stringify(fields) : new URLSearchParams(fields),
  });
  if (answer.redirected || answer.status === 401) { window.location.reload(); throw new Error("signed out"); }
  const type = answer.headers.get("content-type") || "";
  return { status: answer.status, facts: type.includes("json") ? await answer.json() : {} };
}

// --- a telephone rings -----------------------------------------------------------------------------------
let waitingCall = null;

function ring(call) {
  const here = place.dataset.call;
  if (!call.key || call.key === here) { waitingCall = null; if (byId("ringing")) byId("ringing").hidden = true; return; }
  waitingCall = call;
  const busy = sheet && sheet.dataset.state === "open" && sheet.querySelector("[data-origin=typed], [data-origin=accepted]");
  if (!busy) { window.location.assign(call.url); return; }
  byId("ringing").querySelector("span").textContent = `${call.number}　${call.line}`;
  byId("ringing").hidden = false;
}
const openRinging = () => { if (waitingCall) window.location.assign(waitingCall.url); };

document.addEventListener("htmx:sseOpen", (event) => {
  const stream = event.detail.source;
  stream.addEventListener("ring", (message) => ring(JSON.parse(message.data)));
  if (sheet) stream.addEventListener("fields", (message) => takeFields(JSON.parse(message.data)));
});

// --- keys: by their place on the keyboard, whatever the input method is doing ----------------------------
function named(event) {
  if (/^F\d+$/.test(event.code) && !event.altKey && !event.ctrlKey) return event.code;
  const plain = event.code.replace(/^Key|^Digit/, "");
  return event.altKey && !event.ctrlKey && !event.metaKey && plain.length === 1 ? `Alt+${plain}` : "";
}
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  const key = named(event);
  const target = key && [...document.querySelectorAll(`[data-key="${key}"]`)].find((it) => !it.disabled && it.offsetParent !== null);
  if (!target) return;
  event.preventDefault();
  if (target.tagName === "INPUT") { target.focus(); target.select(); } else target.click();
}, true);

if (sheet) workplace();

function workplace() {
  const base = `/desk/calls/${place.dataset.call}`;
  const mine = `${base}/${place.dataset.matter}`;
  const storeKey = `sheet:${place.dataset.call}:${place.dataset.matter}`;
  const wording = JSON.parse(byId("wording").textContent);
  const cells = new Map([...sheet.querySelectorAll(".cell")].map((cell) => [cell.dataset.name, cell]));
  const input = (cell) => cell.querySelector("input, select, textarea");
  const read = (cell) => { const at = input(cell); return at.type === "checkbox" ? (at.checked ? "1" : "") : at.value; };
  const facts = new Map(); // what the server last said of each field
  const dirty = new Map(); // fields with text that the server has not got: name → {seen, accepted, back}
  const timers = new Map();
  let composing = false;
  let attempt = 0;
  let unasked = []; // fields that the agent had better ask for
  let entry = ""; // the knowledge entry that the answer comes from

  function write(cell, value) {
    const at = input(cell);
    if (at.type === "checkbox") { at.checked = value === "1"; return; }
    if (at.tagName === "SELECT" && value && ![...at.options].some((it) => it.value === value)) at.add(new Option(value, value));
    if (at.value !== value) at.value = value;
  }

  // --- what the server says: a person's text is never touched ------------------------------------------------
  let newest = 0; // the sheet's version that this page knows: what was put together before it comes too late
  window.takeFields = (told) => {
    if (told.version < newest) return;
    newest = told.version;
    sheet.dataset.state = told.state;
    for (const [name, it] of Object.entries(told.fields)) {
      const cell = cells.get(name);
      if (!cell) continue;
      const before = facts.get(name);
      facts.set(name, it);
      if (dirty.has(name) || (composing && document.activeElement === input(cell))) {
        // another page may have written here meanwhile: the answer to our own save will say so
        continue;
      }
      cell.dataset.version = it.version;
      write(cell, it.value);
      cell.dataset.origin = it.origin;
      cell.classList.toggle("off", it.off);
      cell.classList.remove("fresh");
      if (before && before.value !== it.value && it.origin === "drafted") freshen(cell);
    }
    show(byId("about"), wording.states[told.about] || "");
    byId("second").textContent = told.second ? `：${told.second}` : "";
    byId("other-matter").classList.toggle("suggested", Boolean(told.second));
    unasked = told.ask;
    closedOrOpen();
    hint();
    primary();
  };
  function freshen(cell) { void cell.offsetWidth; cell.classList.add("fresh"); }

  function closedOrOpen() {
    const open = sheet.dataset.state === "open";
    for (const cell of cells.values()) { const at = input(cell); if (at.tagName === "SELECT" || at.type === "checkbox") at.disabled = !open; else at.readOnly = !open; }
    byId("save").disabled = byId("drop").disabled = !open;
    byId("save").hidden = byId("drop").hidden = !open;
    if (!open && !byId("told").textContent) tell(`${wording.problems.closed.split("；")[0]}${sheet.dataset.ticket ? "：" + sheet.dataset.ticket : ""}`, true);
  }

  // --- keeping what is typed: in this tab at once, at the server soon -------------------------------------------
  const remember = () => {
    const unsaved = Object.fromEntries([...dirty].map(([name, it]) => [name, { ...it, value: read(cells.get(name)) }]));
    if (dirty.size) window.sessionStorage.setItem(storeKey, JSON.stringify(unsaved)); else window.sessionStorage.removeItem(storeKey);
  };
  const status = (text, bad) => { const at = byId("kept"); at.textContent = text; at.classList.toggle("bad", Boolean(bad)); };

  function touched(name, { accepted = false, back = false, soon = false } = {}) {
    const cell = cells.get(name);
    dirty.set(name, { seen: Number(cell.dataset.version), accepted, back });
    cell.dataset.origin = back ? "empty" : accepted ? "accepted" : "typed";
    remember();
    window.clearTimeout(timers.get(name));
    timers.set(name, window.setTimeout(() => keep(name), soon ? 0 : SAVE_AFTER_MS));
    primary();
  }

  async function keep(name) {
    window.clearTimeout(timers.get(name));
    const wish = dirty.get(name);
    if (!wish) return;
    const cell = cells.get(name);
    const value = read(cell);
    status("正在保存…");
    let answer;
    try {
      answer = await post(`${mine}/field`, { name, value, seen: wish.seen, accepted: wish.accepted, back: wish.back });
    } catch {
      answer = { status: 0 };
    }
    if (answer.status === 200) {
      attempt = 0;
      newest = Math.max(newest, answer.facts.sheet);
      cell.dataset.version = answer.facts.version;
      if (read(cell) === value && dirty.get(name) === wish) dirty.delete(name);
      else if (dirty.has(name)) dirty.get(name).seen = answer.facts.version;
      clash(cell, null);
      status(dirty.size ? "正在保存…" : "已自动保存");
    } else if (answer.status === 409) {
      clash(cell, answer.facts);
      status("有一栏在别处改过", true);
    } else if (answer.status === 423) {
      status(answer.facts.closed, true);
    } else {
      status("连接中断：文字已留在本页，恢复后自动保存", true);
      timers.set(name, window.setTimeout(() => keep(name), RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)]));
    }
    remember();
  }

  function clash(cell, theirs) {
    const box = cell.querySelector(".clash");
    box.hidden = !theirs;
    box.replaceChildren();
    if (!theirs) return;
    const name = cell.dataset.name;
    const text = document.createElement("span");
    text.textContent = `${wording.problems.conflict}（${theirs.by}）：“${theirs.value || "清空"}”`;
    const own = button("用我的", () => { cell.dataset.version = theirs.version; touched(name, { soon: true }); });
    const other = button("用那边的", () => {
      dirty.delete(name); remember(); cell.dataset.version = theirs.version; write(cell, theirs.value); clash(cell, null); status("已自动保存");
    });
    box.append(text, own, other);
  }
  function button(text, does) {
    const made = document.createElement("button");
    made.type = "button"; made.className = "quiet"; made.textContent = text; made.addEventListener("click", does);
    return made;
  }

  function restore() {
    let unsaved = {};
    try { unsaved = JSON.parse(window.sessionStorage.getItem(storeKey) || "{}"); } catch { /* not ours */ }
    for (const [name, it] of Object.entries(unsaved)) {
      const cell = cells.get(name);
      if (!cell) continue;
      write(cell, it.value);
      cell.dataset.version = it.seen;
      touched(name, { accepted: it.accepted, back: it.back, soon: true });
    }
  }

  for (const [name, cell] of cells) {
    const at = input(cell);
    at.addEventListener("input", () => touched(name));
    at.addEventListener("change", () => touched(name, { soon: true }));
    at.addEventListener("blur", () => { if (dirty.has(name)) keep(name); });
    at.addEventListener("compositionstart", () => { composing = true; });
    at.addEventListener("compositionend", () => { composing = false; });
  }
  window.addEventListener("beforeunload", remember);

  // --- evidence and candidates of the field that has the focus -----------------------------------------------------
  let focused = null;
  const cellOf = (target) => (target instanceof Element ? target.closest(".cell") : null);

  function evidence(name, scroll) {
    for (const mark of document.querySelectorAll("#said mark.active")) mark.classList.remove("active");
    if (!name) return;
    const marks = [...document.querySelectorAll("#said mark[data-fields]")].filter((mark) =>
      mark.dataset.fields.split(" ").some((field) => field === name || field.startsWith(`${name}-`)));
    for (const mark of marks) mark.classList.add("active");
    const words = byId("words");
    if (scroll && marks.length) words.scrollTop += marks[0].getBoundingClientRect().top - words.getBoundingClientRect().top - words.clientHeight / 3;
  }

  function hint() {
    const box = byId("hint");
    const it = focused && facts.get(focused);
    box.replaceChildren();
    if (!it) {
      if (unasked.length) box.textContent = `还没问到：${unasked.map((name) => wording.labels[name] || name).join("、")}`;
      return;
    }
    const parts = [];
    if (it.confidence !== null && it.origin === "drafted") parts.push(`草稿，把握 ${Math.round(it.confidence * 100)}%`);
    if (it.off) parts.push("这一栏的草稿准确率不够，已停用，请手工填写");
    if (it.resolved) parts.push(it.resolved);
    if (it.reason && it.origin === "drafted") parts.push(it.reason);
    if (it.otherwise) parts.push(`录音听为：${it.otherwise}`);
    const text = document.createElement("span");
    text.textContent = parts.join("　");
    box.append(text);
    it.candidates.forEach((candidate, index) => {
      const chip = button(candidate, () => choose(index));
      chip.className = "candidate";
      chip.dataset.key = `Alt+${index + 1}`;
      const key = document.createElement("kbd");
      key.textContent = `Alt+${index + 1}`;
      chip.append(" ", key);
      box.append(chip);
    });
  }
  function choose(index) {
    const it = focused && facts.get(focused);
    if (!it || !it.candidates[index]) return;
    write(cells.get(focused), it.candidates[index]);
    touched(focused, { soon: true });
    next(focused);
  }

  document.addEventListener("focusin", (event) => {
    const cell = cellOf(event.target);
    if (cell) { focused = cell.dataset.name; hint(); evidence(focused, true); }
    else if (!byId("hint").contains(event.target)) { focused = null; hint(); evidence(null); }
  });
  sheet.addEventListener("mouseover", (event) => { const cell = cellOf(event.target); evidence(cell ? cell.dataset.name : focused, Boolean(cell)); });
  sheet.addEventListener("mouseleave", () => evidence(focused, false));
  document.addEventListener("htmx:sseMessage", () => evidence(focused, false));

  // --- moving, accepting -----------------------------------------------------------------------------------------
  const order = [...cells.keys()];
  const focus = (name) => { const at = name && input(cells.get(name)); if (at) { at.focus(); if (at.select && at.type !== "checkbox") at.select(); } };
  const next = (name) => focus(order[order.indexOf(name) + 1] || null) ?? (order.indexOf(name) + 1 >= order.length && byId("save").focus());
  const unchecked = () => order.find((name) => cells.get(name).dataset.origin === "drafted");
  const empty = () => order.find((name) => cells.get(name).querySelector(".needed") && !read(cells.get(name)).trim());

  function accept(name) {
    const cell = cells.get(name);
    if (cell.dataset.origin === "drafted") touched(name, { accepted: true, soon: true });
    else if (dirty.has(name)) keep(name);
  }

  function primary() {
    const answers = read(cells.get("answer")).trim();
    const unit = read(cells.get("unit")).trim();
    byId("save-text").textContent = answers ? "在线答复办结" : unit ? `派单至${unit}` : "保存并派单";
  }

  // --- saving --------------------------------------------------------------------------------------------------------
  const tell = (text, good) => { const at = byId("told"); at.className = `banner ${good ? "good" : "bad"}`; show(at, text); };
  let saving = false;

  async function save(wish, more = {}) {
    if (saving || sheet.dataset.state !== "open") return;
    saving = true;
    show(byId("problem"), "");
    const fields = Object.fromEntries([...cells].map(([name, cell]) => [name, read(cell)]));
    const versions = JSON.stringify(Object.fromEntries([...cells].map(([name, cell]) => [name, Number(cell.dataset.version)])));
    let answer;
    try {
      answer = await post(`${mine}/save`, { ...fields, versions, entry, do: wish, ...more }, true);
    } catch {
      answer = { status: 0, facts: { text: "连接中断，没有保存；文字已留在本页，请再按一次。" } };
    }
    saving = false;
    if (answer.status === 200) {
      dirty.clear(); remember();
      sheet.dataset.state = "saved";
      sheet.dataset.ticket = answer.facts.ticket || "";
      closedOrOpen();
      tell([answer.facts.text, answer.facts.ticket, answer.facts.unit].filter(Boolean).join(" "), true);
      const others = document.querySelectorAll(".matters a:not(.other)").length > 1;
      if (!others && byId("head").querySelector(".hands") === null) window.setTimeout(() => window.location.assign(answer.facts.next), 900);
      return;
    }
    remember();
    show(byId("problem"), answer.facts.text || `没有保存（${answer.status}）。`);
    if (answer.facts.theirs) { clash(cells.get(answer.facts.field), answer.facts.theirs); focus(answer.facts.field); }
    else if (answer.facts.missing) focus(answer.facts.missing[0]);
  }
  sheet.addEventListener("submit", (event) => { event.preventDefault(); save(event.submitter ? event.submitter.value : "save"); });

  // --- the call itself ---------------------------------------------------------------------------------------------------
  async function control(fields) {
    const answer = await post(`${base}/control`, fields).catch(() => ({ status: 0, facts: { text: "连接中断，请用话机操作。" } }));
    tell(answer.facts.text || "", answer.status === 200);
  }
  async function mark(kind, undo) {
    const answer = await post(`${base}/mark`, { kind, undo: Boolean(undo) }).catch(() => ({ status: 0, facts: {} }));
    if (answer.facts.step === "ended" && answer.facts.next) window.location.assign(answer.facts.next);
    else if (answer.status !== 200) tell(answer.facts.text || "没有做成，请用话机操作。", false);
  }

  // --- phone book and knowledge base ----------------------------------------------------------------------------------------
  const selected = (box) => box.querySelector("[aria-selected=true]");
  function move(box, step) {
    const options = [...box.querySelectorAll("[role=option]")];
    if (!options.length) return;
    const at = Math.max(0, options.indexOf(selected(box)) + step);
    options.forEach((it, index) => it.setAttribute("aria-selected", String(index === Math.min(at, options.length - 1))));
    selected(box).scrollIntoView({ block: "nearest" });
  }
  async function withNumber(does) {
    const it = selected(byId("numbers"));
    if (!it) { tell(wording.problems.no_number || "先在电话簿里选一个号码。", false); byId("find-numbers").focus(); return; }
    if (it.dataset.closed && does !== "dead") { tell("这个单位已撤销，不能告知或转接。", false); return; }
    if (does === "tell") {
      byId("aloud-name").textContent = it.dataset.name;
      byId("aloud-number").replaceChildren(...it.dataset.spoken.split(" ").map((group) => { const b = document.createElement("b"); b.textContent = group; return b; }));
      byId("aloud").showModal();
      await post(`${base}/tell`, { entry: it.dataset.entry });
    } else if (does === "dead") {
      await post(`/phonebook/${it.dataset.entry}/report`, { kind: "dead", found_by: "citizen", call: place.dataset.call });
      tell(`已登记打不通：${it.dataset.name} ${it.dataset.number}`, true);
    } else await control({ do: does, entry: it.dataset.entry });
  }
  function answerWith(it) {
    if (!it) { byId("find-answers").focus(); return; }
    entry = it.dataset.entry;
    write(cells.get("answer"), it.dataset.answer);
    touched("answer", { soon: true });
    focus("answer");
  }
  // what is offered from the talk waits while the agent looks for something else
  const offered = new Map();
  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    const box = event.target;
    if (!(box instanceof Element) || !box.classList.contains("found")) return;
    if (box.dataset.searching) { event.preventDefault(); offered.set(box.id, event.detail.data); } else box.dataset.was = selected(box)?.id || "";
  });
  document.addEventListener("htmx:sseMessage", () => {
    for (const box of document.querySelectorAll(".found[data-was]")) {
      const before = box.dataset.was && document.getElementById(box.dataset.was);
      if (before) pick(box, before);
    }
  });
  const pick = (box, option) => { for (const it of box.querySelectorAll("[role=option]")) it.setAttribute("aria-selected", String(it === option)); };

  function finder(id, boxId, address, take) {
    const field = byId(id), box = byId(boxId);
    let timer = 0;
    field.addEventListener("input", () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(async () => {
        const q = field.value.trim();
        if (!q) {
          delete box.dataset.searching;
          if (offered.has(boxId)) box.innerHTML = offered.get(boxId);
          return;
        }
        if (!box.dataset.searching) { offered.set(boxId, box.innerHTML); box.dataset.searching = "1"; }
        const answer = await fetch(`${address}?q=${encodeURIComponent(q)}`);
        if (answer.ok && field.value.trim() === q) box.innerHTML = await answer.text();
      }, 150);
    });
    const keys = (event) => {
      if (event.isComposing) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); move(box, event.key === "ArrowDown" ? 1 : -1); }
      if (event.key === "Enter" && !event.target.closest("button")) { event.preventDefault(); take(selected(box)); }
    };
    field.addEventListener("keydown", keys);
    box.addEventListener("keydown", keys);
    box.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) pick(box, option);
    });
  }
  finder("find-numbers", "numbers", "/desk/find/numbers", () => withNumber("tell"));
  finder("find-answers", "answers", "/desk/find/answers", answerWith);

  // --- merging ----------------------------------------------------------------------------------------------------------------
  function merging() {
    const offered = [...document.querySelectorAll("#similar .merge")];
    if (!offered.length) { tell("没有相近的工单可并。", false); return; }
    const list = byId("merging").querySelector("ul");
    list.replaceChildren(...offered.map((it) => { const item = document.createElement("li"); item.append(it.cloneNode(true)); return item; }));
    byId("merging").showModal();
    list.querySelector("button").focus();
  }
  byId("merging").addEventListener("keydown", (event) => {
    const buttons = [...byId("merging").querySelectorAll(".merge")];
    const at = buttons.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0);
    if (event.key.startsWith("Arrow")) { event.preventDefault(); buttons[Math.max(0, Math.min(at, buttons.length - 1))].focus(); }
  });

  // --- clicks ------------------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const at = event.target instanceof Element ? event.target.closest("button, [data-gap]") : null;
    if (!at) return;
    if (at.dataset.do) control({ do: at.dataset.do, ...(at.dataset.service ? { service: at.dataset.service } : {}) });
    else if (at.dataset.mark) mark(at.dataset.mark, at.dataset.undo);
    else if (at.dataset.phone) withNumber(at.dataset.phone);
    else if (at.dataset.answerWith) answerWith(selected(byId("answers")));
    else if (at.dataset.gap) post("/knowledge/gaps", { question: at.dataset.gap, call: place.dataset.call }).then(() => at.replaceWith("已登记，负责人会补写。"));
    else if (at.classList.contains("merge")) { if (byId("merging").open) { byId("merging").close(); save("merge", { into: at.dataset.into }); } else merging(); }
    else if (at.dataset.bar === "next") focus(unchecked() || empty());
    else if (at.dataset.bar === "merge") merging();
    else if (at.dataset.bar === "help") byId("allkeys").showModal();
    else if (at.id === "ring-open") openRinging();
  });

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    const cell = cellOf(event.target);
    if (!cell || event.target !== input(cell)) return;
    const name = cell.dataset.name;
    if (event.key === "Enter" && (event.target.tagName !== "TEXTAREA" || event.ctrlKey)) { event.preventDefault(); accept(name); next(name); }
    if (event.key === "Escape" && sheet.dataset.state === "open" && facts.get(name)) {
      event.preventDefault(); write(cell, ""); touched(name, { back: true, soon: true });
    }
  }, true);

  // --- a word's moment in the recording ----------------------------------------------------------------------------------------------
  const player = byId("player");
  if (player) {
    byId("words").classList.add("playable");
    const play = (s) => { player.currentTime = Math.max(0, s - Number(place.dataset.began) - 0.3); player.play(); };
    const offsetIn = (paragraph, x, y) => {
      const caret = document.caretPositionFromPoint ? document.caretPositionFromPoint(x, y) : document.caretRangeFromPoint(x, y);
      if (!caret) return 0;
      const range = document.createRange();
      range.setStart(paragraph, 0);
      range.setEnd(caret.offsetNode || caret.startContainer, caret.offset ?? caret.startOffset);
      return range.toString().length;
    };
    const moment = (bubble, offset) => {
      const times = (bubble.dataset.times || "").split(";").map((it) => it.split(":").map(Number));
      return times.reduce((found, [at, s]) => (at <= offset ? s : found), times[0]?.[1] ?? 0);
    };
    byId("words").addEventListener("click", (event) => {
      const bubble = event.target.closest(".bubble[data-times]");
      const paragraph = bubble && event.target.closest("p");
      if (paragraph) play(moment(bubble, offsetIn(paragraph, event.clientX, event.clientY)));
    });
    byId("words").addEventListener("keydown", (event) => {
      const bubble = event.target.closest(".bubble[data-times]");
      if (bubble && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); play(moment(bubble, 0)); }
    });
  }

  window.takeFields(JSON.parse(byId("event").textContent));
  restore();
}

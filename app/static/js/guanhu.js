/* Guanhu: every behaviour is bound by a data attribute. No inline code, no eval, no style strings; what a page can do
   without this script (links, forms, details) it does without it. */
(function () {
  "use strict";
  var root = document.documentElement;
  var me = document.currentScript;
  var keep = {
    read: function (name) { try { return window.localStorage.getItem(name); } catch (_) { return null; } },
    write: function (name, value) { try { window.localStorage.setItem(name, value); } catch (_) { /* private window */ } }
  };
  var words = {};
  try { words = JSON.parse(document.body.dataset.words || "{}"); } catch (_) { words = {}; }

  function all(sel, from) { return Array.prototype.slice.call((from || document).querySelectorAll(sel)); }
  function one(sel, from) { return (from || document).querySelector(sel); }
  function composing(e) { return e.isComposing || e.keyCode === 229; }
  function press(sel, e) { var el = one(sel); if (el && !el.disabled) { e.preventDefault(); el.click(); return true; } return false; }
  function make(tag, cls, text) {
    var el = document.createElement(tag);
    if (cls) { el.className = cls; }
    if (text) { el.textContent = text; }
    return el;
  }
  /* One listener for the whole document, so that fragments need no binding of their own. */
  function when(type, sel, fn) {
    document.addEventListener(type, function (e) {
      var el = e.target.closest && e.target.closest(sel);
      if (el) { fn.call(el, e, el); }
    });
  }

  // --- Menu, theme, row height ---------------------------------------------------------------------------------
  all("details[data-menu]").forEach(function (d) {
    var key = "gh-menu-" + d.dataset.menu, was = keep.read(key);
    if (was !== null && !one("[aria-current]", d)) { d.open = was === "1"; }
    d.addEventListener("toggle", function () { keep.write(key, d.open ? "1" : "0"); });
  });
  var side = document.getElementById("side");
  var narrow = window.matchMedia("(max-width: 991px)");
  function menu(show) {
    if (!side) { return; }
    if (!narrow.matches) {
      var off = root.getAttribute("data-side") !== "off";
      root.toggleAttribute("data-side", off);
      if (off) { root.setAttribute("data-side", "off"); }
      keep.write("gh-side", off ? "off" : "on");
    } else {
      side.classList.toggle("show", show);
      if (side.classList.contains("show")) { (one("summary, a", side)).focus(); }
    }
    tellMenu();
  }
  function tellMenu() {
    var open = narrow.matches ? !!side && side.classList.contains("show") : root.getAttribute("data-side") !== "off";
    all("[data-gh=menu]").forEach(function (b) { b.setAttribute("aria-expanded", String(open)); });
  }
  tellMenu();
  narrow.addEventListener("change", tellMenu);
  when("click", "[data-gh=menu]", function () { menu(); });
  document.addEventListener("click", function (e) {
    if (narrow.matches && side && side.classList.contains("show") && !side.contains(e.target) && !e.target.closest("[data-gh=menu]")) { menu(false); }
  });

  function theme(choice) {
    keep.write("gh-theme", choice);
    root.dataset.theme = choice;
    var dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.setAttribute("data-bs-theme", choice === "auto" ? (dark ? "dark" : "light") : choice);
    tellTheme();
    charts();
    remember(choice);
  }
  /* Also for this person's other browsers, where he is signed in. */
  function remember(choice) {
    var url = document.body.dataset.themeUrl;
    if (!url) { return; }
    keep.write("gh-theme-saved", choice);
    window.fetch(url, { method: "POST", redirect: "manual", credentials: "same-origin", headers: JSON.parse(document.body.getAttribute("hx-headers")), body: new window.URLSearchParams({ theme: choice }) })
      .catch(function () { /* this browser remembers it all the same */ });
  }
  function tellTheme() {
    all("[data-theme-set]").forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.themeSet === root.dataset.theme)); });
    all("[data-density-set]").forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.densitySet === root.dataset.density)); });
  }
  tellTheme();
  when("click", "[data-gh=theme]", function () { theme(root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark"); });
  when("click", "[data-theme-set]", function (e, b) { theme(b.dataset.themeSet); });
  when("click", "[data-density-set]", function (e, b) {
    root.setAttribute("data-density", b.dataset.densitySet);
    keep.write("gh-density", b.dataset.densitySet);
    tellTheme();
  });

  // --- Keys: never while an input method composes, never a letter while somebody types ------------------------------
  document.addEventListener("keydown", function (e) {
    if (composing(e)) { return; }
    var mod = e.ctrlKey || e.metaKey, key = e.key.toLowerCase();
    var typing = e.target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);
    var asked = one("dialog[open]");
    if (mod && key === "k") { focusOn("[data-key=palette]", e); return; }
    if (mod && (key === "s" || key === "enter")) {
      if (asked) { press("dialog[open] [type=submit]", e); } else { press("[data-key=save]", e); }
      return;
    }
    if (key === "escape") { closeFound(); if (narrow.matches) { menu(false); } return; }
    if (e.altKey && key === "n") { press("[data-key=new]", e); return; }
    if (typing || mod || e.altKey || asked) { return; }
    if (key === "/") { focusOn("[data-key=find]", e); }
    else if (key === "?") { var keys = document.getElementById("keys"); if (keys) { e.preventDefault(); keys.showModal(); } }
    else if ("aejk".indexOf(key) >= 0 && key.length === 1 && !press("[data-key=" + key + "]", e)) { step(key, e); }
  });
  /* On a list J and K go from row to row; Enter opens the row that has the focus. */
  function step(key, e) {
    var rows = all("main tbody .key a"), at = rows.indexOf(document.activeElement) + (key === "j" ? 1 : -1);
    if ((key === "j" || key === "k") && rows.length) { e.preventDefault(); rows[Math.max(0, Math.min(at, rows.length - 1))].focus(); }
  }
  function focusOn(sel, e) { var el = one(sel); if (el) { e.preventDefault(); el.focus(); if (el.select) { el.select(); } } }
  /* Enter that commits pinyin must not send the form. */
  document.addEventListener("keydown", function (e) { if (e.key === "Enter" && composing(e)) { e.stopPropagation(); } }, true);

  // --- Search: live, in the list and over the whole house ---------------------------------------------------------
  function live(sel, fn) {
    var timer = 0;
    function go(e) {
      var el = e.target.closest && e.target.closest(sel);
      if (!el || e.isComposing) { return; }
      window.clearTimeout(timer);
      timer = window.setTimeout(function () { fn(el); }, 300);
    }
    document.addEventListener("input", go);
    document.addEventListener("compositionend", go);
  }
  live("[data-live]", function (input) {
    var form = input.form;
    if (!window.htmx || !form) { return; }
    var data = new window.URLSearchParams(new window.FormData(form)).toString();
    var url = form.getAttribute("action") || window.location.pathname;
    url += (url.indexOf("?") < 0 ? "?" : "&") + data;
    window.htmx.ajax("GET", url, { source: form, target: "#results", select: "#results", selectOOB: "#chips", swap: "outerHTML" })
      .then(function () { window.history.replaceState(null, "", url); }, function () { /* the page stays as it is */ });
  });
  live("[data-key=palette]", function (input) {
    var found = document.getElementById("found");
    if (!window.htmx || !found) { return; }
    if (input.value.trim().length < 1) { closeFound(); return; }
    var url = input.form.action + "?q=" + encodeURIComponent(input.value.trim());
    window.htmx.ajax("GET", url, { source: found, target: "#found", select: "#found-list", swap: "innerHTML" }).catch(closeFound);
  });
  function closeFound() { var found = document.getElementById("found"); if (found) { found.replaceChildren(); } }
  document.addEventListener("click", function (e) { if (!e.target.closest("[role=search]")) { closeFound(); } });
  document.addEventListener("keydown", function (e) {
    if (composing(e) || (e.key !== "ArrowDown" && e.key !== "ArrowUp") || !e.target.closest("[role=search]")) { return; }
    var stops = all("#found a");
    if (!stops.length) { return; }
    e.preventDefault();
    var at = stops.indexOf(document.activeElement) + (e.key === "ArrowDown" ? 1 : -1);
    (at < 0 ? one("[data-key=palette]") : stops[Math.min(at, stops.length - 1)]).focus();
  });

  // --- Lists: a row is a link, ticks raise the bar, columns are chosen ----------------------------------------------
  when("click", "tr[data-href]", function (e, row) {
    if (e.target.closest("a, button, input, label, select, .dropdown, dialog") || String(window.getSelection())) { return; }
    if (e.ctrlKey || e.metaKey) { window.open(row.dataset.href, "_blank", "noopener"); } else { window.location.assign(row.dataset.href); }
  });

  function picks(table) { return all("tbody .pick input[type=checkbox]", table); }
  function tell(table) {
    var bar = document.getElementById(table.dataset.pick), boxes = picks(table), head = one("thead .pick input", table);
    if (!bar) { return; }
    var first = boxes.filter(function (b) { return b.checked; })[0];
    /* Only what belongs together is picked together. */
    boxes.forEach(function (b) { b.disabled = !!first && (b.dataset.group || "") !== (first.dataset.group || ""); b.checked = b.checked && !b.disabled; });
    var n = boxes.filter(function (b) { b.closest("tr").classList.toggle("sel", b.checked); return b.checked; }).length;
    bar.hidden = n === 0;
    all("[data-n]", bar).forEach(function (s) { s.textContent = String(n); });
    if (n < boxes.length) { takeAll(bar, false); }
    if (head) { head.checked = n > 0 && n === boxes.length; head.indeterminate = n > 0 && n < boxes.length; }
  }
  /* All that match are told, and sent, by their number where it is known. */
  function takeAll(bar, yes, total) {
    var flag = one("input[name=all]", bar), counted = one("input[name=counted]", bar), said = one("[data-all-said]", bar);
    if (flag) { flag.disabled = !yes; }
    if (counted) { counted.value = total || ""; counted.disabled = !yes || !total; }
    if (yes && total) { all("[data-n]", bar).forEach(function (s) { s.textContent = Number(total).toLocaleString("en"); }); }
    all("[data-some-said]", bar).forEach(function (s) { s.hidden = yes; });
    if (said) { said.hidden = !yes; }
    if (said && yes && total) { said.textContent = said.dataset.allSaid.replace("{}", Number(total).toLocaleString("en")); }
  }
  when("change", "[data-pick] .pick input", function (e, box) {
    var table = box.closest("[data-pick]");
    if (box.closest("thead")) { picks(table).forEach(function (b) { b.checked = box.checked; }); }
    tell(table);
  });
  /* Shift takes the rows between. */
  var last = null;
  when("click", "[data-pick] tbody .pick input", function (e, box) {
    var boxes = picks(box.closest("[data-pick]")), a = boxes.indexOf(last), b = boxes.indexOf(box);
    if (e.shiftKey && a >= 0) { boxes.slice(Math.min(a, b), Math.max(a, b) + 1).forEach(function (x) { x.checked = box.checked; }); tell(box.closest("[data-pick]")); }
    last = box;
  });
  when("click", "[data-none]", function (e, b) {
    var table = one("[data-pick='" + b.closest(".lift").id + "']");
    picks(table).forEach(function (x) { x.checked = false; });
    tell(table);
  });
  when("click", "[data-all]", function (e, b) {
    var bar = b.closest(".lift"), table = one("[data-pick='" + bar.id + "']");
    function done(total) {
      picks(table).forEach(function (x) { x.checked = true; });
      tell(table);
      takeAll(bar, true, total);
    }
    if (!b.dataset.counts) { done(b.dataset.all); return; }
    if (b.getAttribute("aria-busy")) { return; }
    b.setAttribute("aria-busy", "true");
    window.fetch(b.dataset.counts, { credentials: "same-origin" })
      .then(function (r) { if (!r.ok) { throw new Error(r.status); } return r.text(); })
      .then(function (text) { done(text.replace(/\D/g, "")); })
      .catch(function () { toast(words.failed, "bad"); })
      .then(function () { b.removeAttribute("aria-busy"); });
  });

  function columns(scope) {
    all("[data-columns]", scope).forEach(function (box) {
      var key = "gh-cols-" + box.dataset.columns, was = keep.read(key), off = was === null ? null : was.split(",");
      all("input[data-col]", box).forEach(function (c) {
        if (off) { c.checked = off.indexOf(c.dataset.col) < 0; }
        show(c);
      });
    });
  }
  function show(c) { all("[data-c='" + c.dataset.col + "']").forEach(function (cell) { cell.hidden = !c.checked; }); }
  when("change", "input[data-col]", function (e, c) {
    var box = c.closest("[data-columns]");
    show(c);
    keep.write("gh-cols-" + box.dataset.columns, all("input[data-col]", box).filter(function (x) { return !x.checked; }).map(function (x) { return x.dataset.col; }).join(","));
  });
  when("click", "[data-up]", function (e, b) {
    var row = b.closest(".dropdown-item"), before = row.previousElementSibling;
    if (before) { row.parentNode.insertBefore(row, before); b.focus(); }
  });
  /* Widths are remembered by column, in this browser. A head is dragged, or widened with the arrows. */
  var LEAST = 64, MOST = 800, STEP = 16;
  function widths(scope) {
    if (narrow.matches) { return; }
    all("table[data-widths]", scope).forEach(function (table) {
      var was = {};
      all("thead th[data-w]", table).forEach(function (head) { was[head.dataset.c] = Number(head.dataset.w); });
      try { Object.assign(was, JSON.parse(keep.read("gh-w-" + table.dataset.widths) || "{}")); } catch (_) { /* as it comes */ }
      all("thead th[data-c]", table).forEach(function (head) { grip(table, head); });
      if (Object.keys(was).length) { fix(table, was); }
    });
  }
  function grip(table, head) {
    if (one(".grip", head)) { return; }
    var bar = make("span", "grip");
    bar.tabIndex = 0;
    bar.setAttribute("role", "separator");
    bar.setAttribute("aria-orientation", "vertical");
    bar.setAttribute("aria-label", table.dataset.widen.replace("{}", head.textContent.trim()));
    bar.setAttribute("aria-valuenow", String(head.offsetWidth));
    bar.setAttribute("aria-valuemin", String(LEAST));
    bar.setAttribute("aria-valuemax", String(MOST));
    head.append(bar);
  }
  function fix(table, was) {
    var heads = all("thead th", table), sizes = heads.map(function (h) { return was[h.dataset.c] || h.offsetWidth; });
    heads.forEach(function (h, i) { h.style.width = h.style.minWidth = h.style.maxWidth = sizes[i] + "px"; });
    table.classList.add("sized");
    table.style.width = sizes.reduce(function (a, b) { return a + b; }, 0) + "px";
  }
  function widen(bar, to) {
    var head = bar.closest("th"), table = bar.closest("table"), was = {};
    all("thead th[data-c]", table).forEach(function (h) { was[h.dataset.c] = h.offsetWidth; });
    was[head.dataset.c] = Math.min(MOST, Math.max(LEAST, Math.round(to)));
    fix(table, was);
    bar.setAttribute("aria-valuenow", String(was[head.dataset.c]));
    keep.write("gh-w-" + table.dataset.widths, JSON.stringify(was));
  }
  /* A view keeps the widths its columns have. */
  document.addEventListener("submit", function (e) {
    var hole = one("input[name=_w]", e.target), heads = all("table.sized[data-widths] thead th[data-c]");
    if (hole) { hole.value = heads.map(function (h) { return h.dataset.c + ":" + h.offsetWidth; }).join(","); }
  });
  document.addEventListener("pointerdown", function (e) {
    var bar = e.target.closest && e.target.closest(".grip");
    if (!bar) { return; }
    e.preventDefault();
    var from = e.clientX, width = bar.closest("th").offsetWidth;
    function move(m) { widen(bar, width + m.clientX - from); }
    function end() { document.removeEventListener("pointermove", move); document.removeEventListener("pointerup", end); }
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", end);
  });
  when("keydown", ".grip", function (e, bar) {
    var by = { ArrowLeft: -STEP, ArrowRight: STEP }[e.key];
    if (by) { e.preventDefault(); widen(bar, bar.closest("th").offsetWidth + by); }
  });

  // --- Cells typed where they stand -----------------------------------------------------------------------------------
  document.addEventListener("htmx:beforeSwap", function (e) {
    if (e.target.matches && e.target.matches(".cell-form") && (e.detail.xhr.status === 422 || e.detail.xhr.status === 409)) {
      e.detail.shouldSwap = true;
      e.detail.isError = false;
    }
  });
  when("keydown", ".cell-form", function (e, form) {
    if (e.key === "Escape" && !composing(e)) { e.preventDefault(); one("[data-cell-cancel]", form).click(); }
  });

  when("change", "[data-goes]", function (e, s) { if (s.value) { window.location.assign(s.value); } });
  when("change", "[data-submits]", function (e, s) { if (s.form) { s.form.requestSubmit(); } });

  // --- The filter: each press is one question, the answer is the whole form anew ---------------------------------------
  when("click", "[data-fills]", function (e, b) {
    var box = document.getElementById(b.dataset.opens), hole = box && one(".filling", box);
    if (hole && window.htmx) { window.htmx.ajax("GET", b.dataset.fills, { source: hole, target: hole, swap: "innerHTML" }); }
    var fields = box && one("[data-filling]", box);
    if (fields && !fields.children.length && window.htmx) { window.htmx.ajax("GET", b.dataset.fills, { source: fields, target: fields, swap: "innerHTML" }); }
  });
  document.addEventListener("htmx:afterSettle", function (e) {
    if (e.target.matches("dialog[open] [data-filling]")) { begin(e.target); }
  });
  function redraw(form, act) {
    var data = new window.URLSearchParams(new window.FormData(form));
    data.set("act", act);
    return window.htmx.ajax("GET", form.getAttribute("action") + "?" + data, { source: form.parentNode, target: form, swap: "outerHTML" });
  }
  document.addEventListener("submit", function (e) {
    var form = e.target, act = e.submitter ? e.submitter.value : "apply";
    if (!form.matches("dialog [data-builder]") || !window.htmx) { return; }
    e.preventDefault();
    redraw(form, act);
  });
  when("change", "[data-builder] [data-redraws]", function (e, el) {
    if (window.htmx) { redraw(el.closest("form"), ""); }
  });

  // --- Dialogs: a question before an act, a drawer with filters or reasons -------------------------------------------
  when("click", "[data-opens]", function (e, b) {
    var box = b.dataset.opens ? document.getElementById(b.dataset.opens) : b.nextElementSibling;
    if (!box || box.tagName !== "DIALOG") { return; }
    e.preventDefault();
    if (!box.dataset.home) { box.dataset.home = "1"; document.body.append(box); b.dataset.opens = box.id = box.id || "d" + Math.random().toString(36).slice(2); }
    take(b, box);
    pickers(box);
    box.showModal();
    box.back = b;
    begin(one(".inner", box) || box);
  });
  function begin(scope) {
    var first = one("textarea, input:not([type=hidden]), select", scope);
    if (first) { first.focus(); }
  }
  /* A bulk act that asks something first carries the ticked rows along. */
  function take(b, box) {
    var bar = b.closest(".lift"), form = one("form", box);
    if (!bar || !form) { return; }
    all("[data-taken]", form).forEach(function (x) { x.remove(); });
    all("[data-n]", box).forEach(function (s) { s.textContent = one("[data-n]", bar).textContent; });
    var flag = one("input[name=all]", bar);
    all("input[name=ids]:checked").forEach(function (x) { carry(form, "ids", x.value); });
    if (flag && !flag.disabled) { carry(form, "all", "1"); carry(form, "counted", one("input[name=counted]", bar).value); }
    all("input[type=hidden][data-keep]", bar).forEach(function (x) { carry(form, x.name, x.value); });
  }
  function carry(form, name, value) {
    var x = make("input");
    x.type = "hidden"; x.name = name; x.value = value; x.dataset.taken = "1";
    form.append(x);
  }
  when("click", "[data-closes]", function (e, b) { var box = b.closest("dialog"); if (box) { e.preventDefault(); box.close(); } });
  document.addEventListener("click", function (e) { if (e.target.tagName === "DIALOG" && e.target.open) { e.target.close(); } });
  document.addEventListener("close", function (e) { if (e.target.back && e.target.back.isConnected) { e.target.back.focus(); } }, true);
  when("click", "[data-phrase]", function (e, b) {
    var text = one("textarea", b.closest("dialog, form"));
    if (text) { text.value = b.textContent; text.focus(); }
  });
  all("[data-tells]").forEach(function (b) {
    window.fetch(b.dataset.tells, { method: "POST", redirect: "manual", credentials: "same-origin", headers: JSON.parse(document.body.getAttribute("hx-headers")) }).catch(function () { /* it stays unread */ });
  });
  when("click", "[data-close-say]", function (e, b) { b.closest(".say").remove(); });
  when("click", "[data-copy]", function (e, b) {
    if (window.navigator.clipboard) { window.navigator.clipboard.writeText(b.dataset.copy).then(function () { toast(words.copied, "ok"); }); }
  });
  when("click", "[data-back]", function (e) { if (window.history.length > 1) { e.preventDefault(); window.history.back(); } });
  when("click", "[data-print]", function () { window.print(); });

  function toast(text, tone) {
    var box = document.getElementById("toasts");
    if (!box || !text) { return; }
    var say = make("div", "say " + (tone || ""), text);
    say.setAttribute("role", "status");
    box.append(say);
    window.setTimeout(function () { say.remove(); }, 5000);
  }
  all("#toasts [data-fades]").forEach(function (t) { window.setTimeout(function () { t.remove(); }, 6000); });

  // --- Forms: unsaved guard, one press, first fault, lines ------------------------------------------------------------
  function guard(scope) {
    all("form[data-guard]", scope).forEach(function (form) {
      var dirty = form.hasAttribute("data-dirty");
      form.addEventListener("input", mark);
      form.addEventListener("change", mark);
      function mark() { dirty = true; all("[data-unsaved]", form).forEach(function (m) { m.hidden = false; }); }
      form.addEventListener("submit", function () { dirty = false; });
      window.addEventListener("beforeunload", function (e) { if (dirty) { e.preventDefault(); } });
    });
  }
  /* A second press while the first is on its way does nothing. */
  document.addEventListener("submit", function (e) {
    var form = e.target;
    if (form.dataset.sent) { e.preventDefault(); return; }
    if (form.method !== "post" || e.defaultPrevented) { return; }
    form.dataset.sent = "1";
    form.setAttribute("aria-busy", "true");
    window.setTimeout(function () { delete form.dataset.sent; form.removeAttribute("aria-busy"); }, 8000);
  });
  window.addEventListener("pageshow", function () { all("form[data-sent]").forEach(function (f) { delete f.dataset.sent; }); });
  var problems = one("[data-problems]");
  if (problems) { problems.focus(); }
  when("click", "[data-problems] a", function (e, a) {
    var field = document.getElementById(a.hash.slice(1));
    if (!field) { return; }
    e.preventDefault();
    field.scrollIntoView({ block: "center" });
    (field.tomselect || field).focus();
  });
  /* Say on leaving a field what the browser already knows is wrong. */
  document.addEventListener("focusout", function (e) {
    var el = e.target, form = el.form;
    if (!form || !form.hasAttribute("data-guard") || !el.willValidate || el.closest(".ts-wrapper")) { return; }
    var at = document.getElementById(el.id + "-e");
    if (el.validity.valid) {
      if (at && at.dataset.own) { at.remove(); el.classList.remove("is-invalid"); el.removeAttribute("aria-invalid"); }
      return;
    }
    if (at || (el.validity.valueMissing && !el.dataset.touched)) { return; }
    at = make("span", "err", el.validationMessage);
    at.id = el.id + "-e"; at.dataset.own = "1";
    el.classList.add("is-invalid"); el.setAttribute("aria-invalid", "true");
    el.setAttribute("aria-describedby", ((el.getAttribute("aria-describedby") || "") + " " + at.id).trim());
    (el.closest(".unit") || el).after(at);
  });
  document.addEventListener("input", function (e) { if (e.target.dataset) { e.target.dataset.touched = "1"; } });

  /* Fields that hang on others come, go and are demanded while one types; what is hidden is not sent. */
  live("form[data-reacts] :is(input, select, textarea)", react);
  document.addEventListener("change", function (e) { if (e.target.closest("form[data-reacts]")) { react(e.target); } });
  function react(el) {
    var form = el.form, asked = String(Number(form.dataset.asked || 0) + 1);
    form.dataset.asked = asked;
    window.fetch(form.dataset.reacts, { method: "POST", credentials: "same-origin", headers: Object.assign({ Accept: "application/json" }, JSON.parse(document.body.getAttribute("hx-headers"))), body: new window.URLSearchParams(new window.FormData(form)) })
      .then(function (r) { return r.ok ? r.json() : {}; })
      .then(function (states) { if (form.dataset.asked === asked) { Object.keys(states).forEach(function (name) { put(form, name, states[name]); }); } })
      .catch(function () { /* the server asks again when it is saved */ });
  }
  function put(form, name, state) {
    var box = all("[data-hangs]", form).filter(function (b) { return b.dataset.hangs === name; })[0];
    if (!box) { return; }
    box.hidden = !state.shown;
    all("[name]", box).concat(box.tagName === "FIELDSET" ? [box] : []).forEach(function (el) {
      el.disabled = !state.shown;
      if (el.tomselect) { el.tomselect[state.shown ? "enable" : "disable"](); }
      if (el.type !== "checkbox") { el.required = state.needed; }
    });
    all(".form-label", box).forEach(function (l) { l.classList.toggle("req", state.needed); });
    sayThere(form, "_has_" + name, state.shown && !!one("input[type=checkbox], select[multiple]", box));
  }
  /* An empty tick or choice sends nothing: this says that it was there. */
  function sayThere(form, name, there) {
    var held = all("input[type=hidden]", form).filter(function (x) { return x.name === name; })[0];
    if (held && !there) { held.remove(); }
    if (there && !held) { held = make("input"); held.type = "hidden"; held.name = name; held.value = "1"; form.append(held); }
  }
  when("click", "[data-add-line]", function (e, b) {
    var editor = b.closest("[data-lines]"), body = one("tbody", editor), mould = one("template", editor);
    var n = Number(editor.dataset.next);
    var row = mould.content.firstElementChild.cloneNode(true);
    all("[name], [id], [for]", row).forEach(function (el) {
      ["name", "id", "for", "aria-describedby"].forEach(function (a) { if (el.hasAttribute(a)) { el.setAttribute(a, el.getAttribute(a).replace(/__n__/g, String(n))); } });
    });
    editor.dataset.next = String(n + 1);
    body.append(row);
    pickers(row);
    var first = one("input, select, textarea", row);
    if (first) { first.focus(); }
  });
  when("click", "[data-drop-line]", function (e, b) {
    var form = b.closest("form"), row = b.closest("tr");
    row.remove();
    if (form) { form.dispatchEvent(new window.Event("change")); }
  });

  // --- What is loaded only where it is needed --------------------------------------------------------------------------
  var loading = {};
  function need(url, then) {
    if (!loading[url]) {
      loading[url] = new Promise(function (done, failed) {
        var s = make("script");
        s.src = url; s.onload = done; s.onerror = failed;
        document.head.append(s);
      });
    }
    loading[url].then(then, function () { /* the plain control stays */ });
  }

  // --- Pickers: remote, with a second line so that namesakes can be told apart -------------------------------------------
  function pickers(scope) {
    var found = all("select[data-picker]", scope).filter(function (s) { return !s.tomselect && !s.closest("template"); });
    if (found.length) { need(me.dataset.pickers, function () { found.forEach(pick); }); }
  }
  function pick(s) {
    if (s.tomselect) { return; }
    var url = s.dataset.pickerUrl, many = s.multiple, locked = s.disabled;
    var chosen = new window.TomSelect(s, {
      plugins: many ? { remove_button: { title: words.drop } } : (s.required ? {} : { clear_button: { title: words.clear } }),
      valueField: "value", labelField: "text", searchField: url ? [] : ["text", "note"],
      maxOptions: 50, preload: url ? "focus" : false, closeAfterSelect: !many, loadThrottle: 250, hidePlaceholder: true,
      load: url ? function (q, done) {
        window.fetch(url + (url.indexOf("?") < 0 ? "?" : "&") + "q=" + encodeURIComponent(q), { headers: { Accept: "application/json" }, credentials: "same-origin" })
          .then(function (r) { return r.ok ? r.json() : { results: [] }; })
          .then(function (d) { chosen.clearOptions(function (o) { return chosen.items.indexOf(o.value) >= 0; }); done(d.results); })
          .catch(function () { done(); });
      } : null,
      shouldLoad: function () { return !!url; },
      score: url ? function () { return function () { return 1; }; } : undefined,
      render: {
        option: function (d, esc) { return "<div><div>" + esc(d.text) + "</div>" + (d.note ? "<div class=\"mute sm\">" + esc(d.note) + "</div>" : "") + "</div>"; },
        item: function (d, esc) { return "<div>" + esc(d.text) + (d.note ? " <span class=\"mute sm wide-only\">" + esc(d.note) + "</span>" : "") + "</div>"; },
        no_results: function () { var d = make("div", "no-results", s.dataset.none || words.nothing || ""); return d; },
        loading: function () { return make("div", "no-results", words.loading || "…"); }
      }
    });
    if (s.getAttribute("aria-invalid")) { chosen.control_input.setAttribute("aria-invalid", "true"); }
    if (s.getAttribute("aria-describedby")) { chosen.control_input.setAttribute("aria-describedby", s.getAttribute("aria-describedby")); }
    s.setAttribute("aria-hidden", "true");
    chosen.control_input.addEventListener("keydown", function (e) { if (composing(e)) { e.stopImmediatePropagation(); } }, true);
    if (locked) { chosen.lock(); }
  }

  // --- Charts: data in an attribute, colours from the tokens, drawn again when the theme changes ---------------------------
  function charts(scope) {
    var found = all("[data-chart]", scope);
    if (found.length) { need(me.dataset.charts, function () { found.forEach(draw); }); }
  }
  function draw(el) {
    var css = window.getComputedStyle(root), d = JSON.parse(el.dataset.chart), old = window.echarts.getInstanceByDom(el);
    function c(n) { return css.getPropertyValue(n).trim(); }
    if (old) { old.dispose(); }
    var hue = [c("--fill"), c("--mid")];
    window.echarts.init(el, null, { renderer: "svg" }).setOption({
      animation: !window.matchMedia("(prefers-reduced-motion: reduce)").matches, color: hue,
      textStyle: { fontFamily: window.getComputedStyle(document.body).fontFamily, color: c("--mute") },
      grid: { left: 8, right: 12, top: 28, bottom: 4, containLabel: true },
      tooltip: { renderMode: "richText", trigger: "axis", backgroundColor: c("--surf"), borderColor: c("--line"), textStyle: { color: c("--ink") } },
      legend: { show: d.series.length > 1, top: 0, right: 0, itemWidth: 12, itemHeight: 8, textStyle: { color: c("--mute") } },
      xAxis: { type: "category", data: d.x, axisTick: { show: false }, axisLine: { lineStyle: { color: c("--line") } }, axisLabel: { color: c("--mute") } },
      yAxis: { type: "value", minInterval: d.series.every(function (x) { return x.data.every(Number.isInteger); }) ? 1 : 0, name: d.unit, nameTextStyle: { color: c("--mute") }, splitLine: { lineStyle: { color: c("--line") } }, axisLabel: { color: c("--mute") } },
      series: d.series.map(function (s, i) {
        return { name: s.name, type: s.type, data: s.data, barMaxWidth: 28, symbolSize: 4, itemStyle: { color: hue[i], borderRadius: s.type === "bar" ? 2 : 0 }, label: { show: d.series.length === 1, position: "top", color: c("--ink") } };
      })
    });
  }
  window.addEventListener("resize", function () {
    if (window.echarts) { all("[data-chart]").forEach(function (el) { var ch = window.echarts.getInstanceByDom(el); if (ch) { ch.resize(); } }); }
  });

  // --- Files: the browser's own words are not always the reader's -------------------------------------------------------------
  document.addEventListener("change", function (e) {
    var told = e.target.type === "file" && e.target.parentNode.querySelector("[data-file-name]");
    if (told && e.target.files.length) { told.textContent = Array.prototype.map.call(e.target.files, function (f) { return f.name; }).join("、"); }
  });

  // --- Fragments -------------------------------------------------------------------------------------------------------------
  function ready(scope) {
    columns(scope); widths(scope); pickers(scope); charts(scope); guard(scope);
    all(".cell-form [autofocus]", scope.parentNode || scope).forEach(function (el) { el.focus(); if (el.select) { el.select(); } });
    all("[data-pick]", scope).forEach(tell);
    all(".tabs > [aria-current]", scope).forEach(function (tab) {
      var bar = tab.parentNode;
      bar.scrollLeft += tab.getBoundingClientRect().right - bar.getBoundingClientRect().left - (bar.clientWidth + tab.offsetWidth) / 2;
    });
    all("[data-taken-all]", scope).forEach(function (flag) { takeAll(flag.closest(".lift"), true, flag.dataset.takenAll); });
    /* The swapped part may itself be what has ended. */
    all("[data-ended]", scope.parentNode || scope).forEach(function (el) { if (el.dataset.ended) { window.location.assign(el.dataset.ended); } });
  }
  ready(document);
  press("[data-opened]", new window.Event("load"));
  document.addEventListener("htmx:load", function (e) { if (e.target !== document.body) { ready(e.target); } });
  document.addEventListener("htmx:responseError", function (e) {
    if (e.target.closest("#found")) { return; }
    var said = new window.DOMParser().parseFromString(e.detail.xhr.responseText || "", "text/html");
    var text = all("main h1, main h1 + p, .void h1, .void h1 + p", said).map(function (x) { return x.textContent.trim(); });
    toast(text.filter(function (x, i) { return text.indexOf(x) === i; }).join("\n") || words.failed, "bad");
  });
  document.addEventListener("htmx:sendError", function () { toast(words.offline, "bad"); });
})();

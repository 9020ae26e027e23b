/* Before the first paint: theme, row height and menu as this person left them. A choice saved in the profile wins. */
(function () {
  "use strict";
  var root = document.documentElement, keep;
  try { keep = window.localStorage; } catch (_) { keep = null; }
  function kept(name) { return keep ? keep.getItem(name) : null; }
  var saved = root.dataset.theme || "auto";
  if (keep && kept("gh-theme-saved") !== saved) {
    keep.setItem("gh-theme-saved", saved);
    keep.setItem("gh-theme", saved);
  }
  var theme = kept("gh-theme") || saved;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function paint() {
    var now = (keep && keep.getItem("gh-theme")) || saved;
    root.setAttribute("data-bs-theme", now === "auto" ? (dark.matches ? "dark" : "light") : now);
  }
  root.dataset.theme = theme;
  paint();
  dark.addEventListener("change", paint);
  root.setAttribute("data-density", kept("gh-density") || "normal");
  if (kept("gh-side") === "off") { root.setAttribute("data-side", "off"); }
})();

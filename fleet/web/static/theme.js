// Light or dark: what the person chose here, else what the system prefers. Loaded before the page is painted.
(function () {
  "use strict";
  const stored = localStorage.getItem("lineside-theme");
  const dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();

// The pages work without this; it only keeps the theme that was chosen at the operator page. Paper is always light.

const kept = localStorage.getItem("theme");
if (kept === "light") document.getElementById("light").media = "all";
if (kept === "dark") document.getElementById("light").media = "print";

// A scanner types where the cursor stands: the next serial shall replace the last one, not follow it.
addEventListener("DOMContentLoaded", () => document.querySelector("input[autofocus]")?.select());

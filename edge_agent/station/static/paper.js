// The pages work without this; it only keeps the theme that was chosen at the operator page. Paper is always light.

const kept = localStorage.getItem("theme");
if (kept === "light") document.getElementById("light").media = "all";
if (kept === "dark") document.getElementById("light").media = "print";

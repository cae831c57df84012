// The few things a component cannot do: open a citation beside the answer, and keys.
document.addEventListener("click", (event) => {
  const chip = event.target.closest && event.target.closest("a.chip, sup a[href^='#c']");
  if (!chip) return;
  event.preventDefault();
  event.stopPropagation();
  const mark = document.getElementById(chip.getAttribute("href").slice(1));
  if (!mark) return;
  document.querySelectorAll("mark.open, a.chip.open").forEach((e) => e.classList.remove("open"));
  mark.classList.add("open");
  chip.classList.add("open");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  mark.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}, true);
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    document.querySelector("#question textarea").focus();
  }
});

// The few things that components cannot do: open a citation beside its answer, buttons inside texts, keys, saving, copying.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const field = (id) => $(`#${id} textarea, #${id} input`);
  let count = 0;

  // Tells the server what a button asks for, through a text box that nobody sees.
  const tell = (box, words) => {
    const area = field(box);
    if (!area) return;
    area.value = `${words} ${++count}`; // never the same twice, or nothing would have changed
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const open = (anchor) => {
    const mark = document.getElementById(anchor);
    if (!mark) return;
    all("mark.open, a.chip.open").forEach((e) => e.classList.remove("open"));
    all("#source section.shown").forEach((e) => e.classList.remove("shown"));
    mark.classList.add("open");
    mark.closest("section").classList.add("shown");
    $("#beside").classList.add("raised");
    $("#beside").classList.remove("closed");
    all(`a.chip[href="#${anchor}"]`).forEach((e) => e.classList.add("open"));
    const turn = anchor.slice(1).split("-")[0];
    const ofTurn = chips(turn);
    const at = ofTurn.indexOf(anchor);
    $("#which").textContent = at < 0 ? "" : `${at + 1} of ${ofTurn.length} · ${mark.title}`;
    mark.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
    mark.focus({ preventScroll: true });
  };
  const chips = (turn) => [...new Set(all(`#chat a.chip[href^="#c${turn}-"], #chat a.chip[href^="#h${turn}-"]`)
    .map((e) => e.getAttribute("href").slice(1)))];
  const step = (by) => {
    const here = $("mark.open");
    const first = all("#chat a.chip").map((e) => e.getAttribute("href").slice(1));
    const turn = (here ? here.id : first.at(-1) || "c0-0").slice(1).split("-")[0];
    const ofTurn = chips(turn);
    if (!ofTurn.length) return;
    const at = here ? ofTurn.indexOf(here.id) : by > 0 ? -1 : 0;
    open(ofTurn[(at + by + ofTurn.length) % ofTurn.length]);
  };
  const close = () => {
    const chip = $("a.chip.open");
    $("#beside").classList.remove("raised");
    $("#beside").classList.add("closed");
    if (chip) chip.focus();
  };
  const ask = (words) => {
    const area = field("question");
    area.value = words;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  };

  // Leads to the documents, and there loads the sample if that was asked for. A room is drawn when it is first opened.
  const first = (isSample) => {
    all('[role="tab"]').find((e) => e.textContent.trim() === "Documents").click();
    const load = () => ($("#load-sample") ? $("#load-sample").click() : requestAnimationFrame(load));
    if (isSample) load();
  };

  const copy = async (text) => {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else {
      const area = document.body.appendChild(document.createElement("textarea")); // over http there is no clipboard
      area.value = text;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    if (!copied) return;
    const button = copied;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  let copied = null; // the button that was pressed last

  // The conversations of this browser, each under a key of its own: two windows do not overwrite each other's.
  const MOST = 100;
  let opened = ""; // the id of the one that is shown
  const shelf = () => $("ul.talks");
  const keyOf = (id) => `${shelf().id}-${id}`;
  const kept = () => Object.keys(localStorage)
    .filter((key) => key.startsWith(keyOf("")))
    .flatMap((key) => {
      try {
        const talk = JSON.parse(localStorage.getItem(key));
        return Array.isArray(talk.exchanges) && talk.exchanges.every(Boolean) ? [{ ...talk, key }] : [];
      } catch {
        return []; // not ours
      }
    })
    .sort((a, b) => b.changed - a.changed);
  const keep = (talk) => {
    const older = kept().filter(({ id }) => id !== talk.id);
    older.splice(MOST - 1).forEach(({ key }) => localStorage.removeItem(key));
    for (;;) {
      try {
        return localStorage.setItem(keyOf(talk.id), JSON.stringify({ ...talk, changed: Date.now() }));
      } catch {
        if (!older.length) return; // it alone is more than a browser keeps
        localStorage.removeItem(older.pop().key);
      }
    }
  };
  const said = ({ title, exchanges }) =>
    [title, ...exchanges.flatMap((one) => [one.question, one.answer ? one.answer.answer : ""])].join("\n").toLowerCase();
  const list = () => {
    if (!shelf()) return;
    $("#talks").classList.toggle("fresh", !opened);
    const words = field("find-talk") ? field("find-talk").value.toLowerCase().split(/\s+/) : [];
    const found = kept().filter((talk) => {
      const text = said(talk);
      return words.every((word) => text.includes(word));
    });
    shelf().replaceChildren(...found.map(({ id, title, begun }) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", id: `talk-${id}`, className: "talk", title: String(begun).slice(0, 10), textContent: title });
      button.classList.toggle("open", id === opened);
      const item = document.createElement("li");
      item.append(button);
      return item;
    }));
  };
  addEventListener("storage", list); // another window kept one
  document.addEventListener("input", (event) => event.target.closest("#find-talk") && list());

  // The server writes where nobody sees it what is to be saved, copied, or kept of conversations.
  const save = (saved) => {
    const { name, text, talks } = JSON.parse(saved);
    if (talks) {
      if (talks.keep) keep(talks.keep);
      if (talks.forget) localStorage.removeItem(keyOf(talks.forget));
      opened = talks.open;
      return list();
    }
    if (!name) return copy(text);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  let last = "";
  let listed = null;
  new MutationObserver((changes) => {
    if (shelf() !== listed) {
      listed = shelf();
      list();
    }
    const place = $("#saved");
    if (!place || !changes.some((change) => place.contains(change.target))) return;
    const saved = place.textContent.trim();
    if (saved.startsWith("{") && saved.endsWith("}") && saved !== last) save((last = saved));
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });

  // Who chose light or dark here has it again, whatever Gradio sets; who did not has what the system has.
  const dress = () => {
    const chosen = localStorage.getItem("rag-theme");
    if (chosen && document.body.classList.contains("dark") !== (chosen === "dark")) document.body.classList.toggle("dark");
  };
  const begin = () => {
    dress();
    new MutationObserver(dress).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (document.body) begin(); // Gradio may run this before there is a body, or long after
  else document.addEventListener("DOMContentLoaded", begin);

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest && event.target.closest(selector);
    const chip = at("a.chip");
    if (chip) {
      event.preventDefault();
      event.stopPropagation();
      open(chip.getAttribute("href").slice(1));
      return;
    }
    if (at("#new")) field("question").focus(); // whoever begins anew types at once
    if (at('a[href="/logout"]')) {
      event.preventDefault(); // Gradio opens every link of a text in a window of its own
      return location.assign("/logout");
    }
    const example = at("button.example");
    if (example && !example.id) return ask(example.textContent);
    if (example) return first(example.id === "to-sample");
    const button = at("button.act, button.talk");
    if (!button) return;
    const [act, n] = button.id.split("-");
    if (act === "previous") step(-1);
    else if (act === "next") step(1);
    else if (act === "close") close();
    else if (act === "fold") $("#room").classList.toggle("folded");
    else if (act === "help") $("#keys").classList.toggle("shown");
    else if (act === "theme") {
      localStorage.setItem("rag-theme", document.body.classList.contains("dark") ? "light" : "dark");
      dress();
    }
    else if (act === "talk") tell("do-talk", localStorage.getItem(keyOf(n)));
    else if (["reread", "delete"].includes(act)) tell("do-document", `${act} ${n}`);
    else if (n) tell(act === "retry" ? "do-again" : "do", `${act} ${n}`);
    if (act === "copy") copied = button;
  }, true);

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.altKey && event.key.toLowerCase() === "n") {
      event.preventDefault();
      $("#new").click();
    } else if (event.key === "Escape") {
      const stop = $("#stop");
      if (stop && stop.offsetParent) stop.click(); // it is there only while an answer is written
      else close();
    } else if (typing || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      field("question").focus();
    } else if (event.key === "[") step(-1);
    else if (event.key === "]") step(1);
    else if (event.key === "?") $("#keys").classList.toggle("shown");
  });
})();

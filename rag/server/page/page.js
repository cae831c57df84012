// Implements what Gradio's components cannot do: citations that open their sources, buttons inside markup, keyboard
// shortcuts, file downloads, copying to the clipboard, and storing conversations in the browser.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const prefersReducedMotion = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const field = (id) => $(`#${id} textarea, #${id} input`);

  // Sends a command to the server through a hidden text box.
  let commandCount = 0;
  const sendCommand = (box, command) => {
    const area = field(box);
    if (!area) return;
    area.value = `${command} ${++commandCount}`; // the counter makes equal commands differ: only a change triggers an event
    area.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // The source panel. Anchors have the form "c<turn>-<n>" for citations and "h<turn>-<n>" for the closest passages.
  const openSource = (anchor) => {
    const mark = document.getElementById(anchor);
    if (!mark) return;
    all("mark.open, a.chip.open").forEach((e) => e.classList.remove("open"));
    all("#source section.shown").forEach((e) => e.classList.remove("shown"));
    mark.classList.add("open");
    mark.closest("section").classList.add("shown");
    $("#beside").classList.add("raised");
    $("#beside").classList.remove("closed");
    all(`a.chip[href="#${anchor}"]`).forEach((e) => e.classList.add("open"));
    const anchors = anchorsOfTurn(turnOf(anchor));
    const index = anchors.indexOf(anchor);
    $("#which").textContent = index < 0 ? "" : `${index + 1} of ${anchors.length} · ${mark.title}`;
    mark.scrollIntoView({ block: "center", behavior: prefersReducedMotion() ? "auto" : "smooth" });
    mark.focus({ preventScroll: true });
  };
  const turnOf = (anchor) => anchor.slice(1).split("-")[0];
  const anchorOf = (chip) => chip.getAttribute("href").slice(1);
  const anchorsOfTurn = (turn) =>
    [...new Set(all(`#chat a.chip[href^="#c${turn}-"], #chat a.chip[href^="#h${turn}-"]`).map(anchorOf))];
  const stepSource = (by) => {
    const current = $("mark.open");
    const chips = all("#chat a.chip");
    const anchors = anchorsOfTurn(turnOf(current ? current.id : chips.length ? anchorOf(chips.at(-1)) : "c0-0"));
    if (!anchors.length) return;
    const index = current ? anchors.indexOf(current.id) : by > 0 ? -1 : 0;
    openSource(anchors[(index + by + anchors.length) % anchors.length]);
  };
  const closeSource = () => {
    const chip = $("a.chip.open");
    $("#beside").classList.remove("raised");
    $("#beside").classList.add("closed");
    if (chip) chip.focus();
  };

  const fillQuestion = (text) => {
    const area = field("question");
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  };

  // Opens the Documents tab and, on request, adds the sample document. Gradio renders a tab when it is first opened.
  const openDocuments = (loadsSample) => {
    all('[role="tab"]').find((e) => e.textContent.trim() === "Documents").click();
    const load = () => ($("#load-sample") ? $("#load-sample").click() : requestAnimationFrame(load));
    if (loadsSample) load();
  };

  let copyButton = null; // the Copy button that was last pressed
  const copy = async (text) => {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else {
      const area = document.body.appendChild(document.createElement("textarea")); // browsers have no clipboard API over http
      area.value = text;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    if (!copyButton) return;
    const button = copyButton;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  const download = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // The conversations stored in this browser. Each has its own key, so that windows do not overwrite each other's changes.
  const MAX_CONVERSATIONS = 100;
  let openId = ""; // the id of the open conversation
  const listElement = () => $("ul.talks");
  const storageKey = (id) => `${listElement().id}-${id}`;
  const storedConversations = () => Object.keys(localStorage)
    .filter((key) => key.startsWith(storageKey("")))
    .flatMap((key) => {
      try {
        const conversation = JSON.parse(localStorage.getItem(key));
        const isValid = Array.isArray(conversation.exchanges) && conversation.exchanges.every(Boolean);
        return isValid ? [{ ...conversation, key }] : [];
      } catch {
        return []; // the entry is not a conversation
      }
    })
    .sort((a, b) => b.changed - a.changed);
  const store = (conversation) => {
    const others = storedConversations().filter(({ id }) => id !== conversation.id);
    others.splice(MAX_CONVERSATIONS - 1).forEach(({ key }) => localStorage.removeItem(key));
    for (;;) {
      try {
        return localStorage.setItem(storageKey(conversation.id), JSON.stringify({ ...conversation, changed: Date.now() }));
      } catch { // the storage is full: delete the oldest conversation to make room
        if (!others.length) return; // this conversation alone is too large for the storage
        localStorage.removeItem(others.pop().key);
      }
    }
  };
  const searchText = ({ title, exchanges }) =>
    [title, ...exchanges.flatMap(({ question, answer }) => [question, answer ? answer.answer : ""])].join("\n").toLowerCase();
  const renderList = () => {
    if (!listElement()) return;
    $("#talks").classList.toggle("fresh", !openId);
    const words = field("find-talk") ? field("find-talk").value.toLowerCase().split(/\s+/) : [];
    const matching = storedConversations().filter((conversation) => {
      const text = searchText(conversation);
      return words.every((word) => text.includes(word));
    });
    listElement().replaceChildren(...matching.map(({ id, title, begun }) => {
      const button = document.createElement("button");
      const tooltip = String(begun).slice(0, 10);
      Object.assign(button, { type: "button", id: `talk-${id}`, className: "talk", title: tooltip, textContent: title });
      button.classList.toggle("open", id === openId);
      const item = document.createElement("li");
      item.append(button);
      return item;
    }));
  };
  addEventListener("storage", renderList); // another window changed a conversation
  document.addEventListener("input", (event) => event.target.closest("#find-talk") && renderList());

  // The server sends messages as JSON in a hidden element: conversations to store or delete, or text to save or copy.
  const handleMessage = (message) => {
    const { name, text, conversations } = JSON.parse(message);
    if (conversations) {
      if (conversations.keep) store(conversations.keep);
      if (conversations.forget) localStorage.removeItem(storageKey(conversations.forget));
      openId = conversations.open;
      renderList();
    } else if (name) download(name, text);
    else copy(text);
  };
  let lastMessage = "";
  let renderedList = null;
  new MutationObserver((changes) => {
    if (listElement() !== renderedList) {
      renderedList = listElement();
      renderList();
    }
    const output = $("#saved");
    if (!output || !changes.some((change) => output.contains(change.target))) return;
    const message = output.textContent.trim();
    if (message.startsWith("{") && message.endsWith("}") && message !== lastMessage) handleMessage((lastMessage = message));
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });

  // A theme that the visitor has chosen overrides Gradio's; otherwise the operating system's preference applies.
  const applyTheme = () => {
    const chosen = localStorage.getItem("rag-theme");
    if (chosen && document.body.classList.contains("dark") !== (chosen === "dark")) document.body.classList.toggle("dark");
  };
  const watchTheme = () => {
    applyTheme();
    new MutationObserver(applyTheme).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (document.body) watchTheme(); // Gradio may run this script before the body exists, or long afterwards
  else document.addEventListener("DOMContentLoaded", watchTheme);
  const toggleTheme = () => {
    localStorage.setItem("rag-theme", document.body.classList.contains("dark") ? "light" : "dark");
    applyTheme();
  };
  const toggleShortcuts = () => $("#keys").classList.toggle("shown");

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest && event.target.closest(selector);
    const chip = at("a.chip");
    if (chip) {
      event.preventDefault();
      event.stopPropagation();
      openSource(anchorOf(chip));
      return;
    }
    if (at("#new")) field("question").focus(); // so that the visitor can start typing immediately
    if (at('a[href="/logout"]')) {
      event.preventDefault(); // Gradio would open every link in markup in a new window
      return location.assign("/logout");
    }
    const example = at("button.example");
    if (example && !example.id) return fillQuestion(example.textContent);
    if (example) return openDocuments(example.id === "to-sample");
    const button = at("button.act, button.talk");
    if (!button) return;
    const [action, n] = button.id.split("-");
    if (action === "previous") stepSource(-1);
    else if (action === "next") stepSource(1);
    else if (action === "close") closeSource();
    else if (action === "fold") $("#room").classList.toggle("folded");
    else if (action === "help") toggleShortcuts();
    else if (action === "theme") toggleTheme();
    else if (action === "talk") sendCommand("do-talk", localStorage.getItem(storageKey(n)));
    else if (["reread", "delete"].includes(action)) sendCommand("do-document", `${action} ${n}`);
    else if (n) sendCommand(action === "retry" ? "do-again" : "do", `${action} ${n}`);
    if (action === "copy") copyButton = button;
  }, true);

  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.altKey && event.key.toLowerCase() === "n") {
      event.preventDefault();
      $("#new").click();
    } else if (event.key === "Escape") {
      const stop = $("#stop");
      if (stop && stop.offsetParent) stop.click(); // the button is visible only while an answer is being written
      else closeSource();
    } else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      field("question").focus();
    } else if (event.key === "[") stepSource(-1);
    else if (event.key === "]") stepSource(1);
    else if (event.key === "?") toggleShortcuts();
  });
})();

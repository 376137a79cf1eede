// What the pages do in the browser besides htmx: times in the viewer's zone, the graph of a person, a lost console.
const dayAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

function localTimes(root) {
  for (const element of root.querySelectorAll('time:not([data-form="ago"])')) {
    const time = new Date(element.dateTime);
    if (!Number.isNaN(time.valueOf())) element.textContent = (element.dataset.form === "clock" ? clock : dayAndTime).format(time);
  }
}

function sayLost(text) {
  const lost = document.getElementById("lost");
  lost.textContent = text;
  lost.hidden = !text;
}

// A person's graph: the slider hides what happened later; a chosen node shows its detail and its neighbours.
function showUntil(slider) {
  const until = JSON.parse(slider.dataset.times)[slider.value];
  document.getElementById("until").textContent = dayAndTime.format(until);
  for (const part of document.querySelectorAll(".graph [data-at]")) part.classList.toggle("later", Number(part.dataset.at) > until);
  if (document.querySelector(".graph .chosen.later")) choose(null);
  for (const hidden of document.querySelectorAll('.graph .node.later[tabindex="0"]')) takeTab(hidden, hidden.closest(".graph").querySelector(".node:not(.later)"));
}

function takeTab(from, to) {
  if (!to) return;
  from.setAttribute("tabindex", "-1");
  to.setAttribute("tabindex", "0");
}

function choose(node) {
  const name = node?.dataset.node;
  for (const graph of document.querySelectorAll(".graph")) {
    const near = new Set(name ? [name] : []);
    for (const edge of graph.querySelectorAll(".edge")) {
      const ends = [edge.dataset.ends.slice(0, 38), edge.dataset.ends.slice(39)]; // "e-" and a UUID, "a-" and any text
      edge.classList.toggle("near", ends.includes(name));
      if (ends.includes(name)) ends.forEach((end) => near.add(end));
    }
    for (const one of graph.querySelectorAll(".node")) {
      one.classList.toggle("near", near.has(one.dataset.node));
      one.classList.toggle("chosen", one.dataset.node === name);
    }
    graph.classList.toggle("choosing", Boolean(name));
  }
  const list = document.createElement("dl");
  for (const [term, text] of Object.entries(JSON.parse(node?.dataset.detail ?? "{}"))) {
    list.append(Object.assign(document.createElement("dt"), { textContent: term }));
    list.append(Object.assign(document.createElement("dd"), { textContent: term === "time" ? dayAndTime.format(new Date(text)) : text }));
  }
  document.getElementById("detail").replaceChildren(name ? list : "No node is chosen.", ...(name?.startsWith("e-") ? [storyOf(name.slice(2))] : []));
}

function storyOf(event) {
  const { userId } = document.querySelector(".user-graph").dataset;
  return Object.assign(document.createElement("a"), { href: `story?${new URLSearchParams({ id: event, user: userId })}`, textContent: "Its story" });
}

// One node is in the order of Tab; arrow keys go on from there, past those that the slider hides.
function step(node, by) {
  const shown = [...node.closest(".graph").querySelectorAll(".node:not(.later)")];
  const next = shown[shown.indexOf(node) + by];
  takeTab(node, next);
  next?.focus();
}

// What was sent was refused: lead to the field that is wrong.
function showWrongField(answer) {
  const form = document.querySelector("form[hx-target='#answer']");
  for (const one of form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
  const field = form.elements.namedItem(answer.querySelector("[data-field]")?.dataset.field ?? "");
  field?.setAttribute("aria-invalid", "true");
  field?.setAttribute("aria-describedby", "answer");
  field?.focus();
  answer.scrollIntoView({ block: "nearest" });
}

document.addEventListener("input", (event) => {
  if (event.target.id === "slider") showUntil(event.target);
  // What was checked is another text now.
  if (event.target.id === "body") document.querySelectorAll(".checked").forEach((one) => one.remove());
});
document.addEventListener("click", (event) => event.target.closest(".graph") && choose(event.target.closest(".node")));
document.addEventListener("keydown", (event) => {
  const node = event.target.closest?.(".graph .node");
  if (node && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    choose(node);
  } else if (node && event.key.startsWith("Arrow")) {
    event.preventDefault();
    step(node, event.key === "ArrowDown" || event.key === "ArrowRight" ? 1 : -1);
  } else if (event.key === "Escape" && document.querySelector(".graph.choosing")) choose(null);
});

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["Time-Zone"] = Intl.DateTimeFormat().resolvedOptions().timeZone;
});
// What a person has opened stays open when the page asks again.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");

localTimes(document);
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
document.addEventListener("htmx:afterSwap", (event) => {
  localTimes(event.detail.elt.isConnected ? event.detail.elt : document);
  if (event.detail.target?.id === "answer") showWrongField(event.detail.target);
});
document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && sayLost(""));
document.addEventListener("htmx:sendError", () => sayLost("The console does not answer. If it has ended, start it again and open its new address."));
document.addEventListener("htmx:timeout", () => sayLost("There is no answer yet; the page asks again."));
document.addEventListener("htmx:responseError", (event) => {
  const locked = event.detail.xhr.status === 401;
  sayLost(locked ? "This console was started again, or was not used for hours: open a new address, as you did at first." : "The console failed; its terminal or log says why.");
});

// What the pages do in the browser besides htmx: times in the viewer's zone, the graph of a person, a lost console.
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

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
  document.getElementById("detail").replaceChildren(name ? list : "No node is chosen.");
}

document.addEventListener("input", (event) => event.target.id === "slider" && showUntil(event.target));
document.addEventListener("click", (event) => event.target.closest(".graph") && choose(event.target.closest(".node")));
document.addEventListener("keydown", (event) => {
  const node = event.target.closest?.(".graph .node");
  if (node && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    choose(node);
  } else if (event.key === "Escape" && document.querySelector(".graph.choosing")) choose(null);
});

localTimes(document);
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
document.addEventListener("htmx:afterSwap", (event) => localTimes(event.detail.elt.isConnected ? event.detail.elt : document));
document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && sayLost(""));
document.addEventListener("htmx:sendError", () => sayLost("The console does not answer. If it has ended, start it again and open its new address."));
document.addEventListener("htmx:timeout", () => sayLost("There is no answer yet; the page asks again."));
document.addEventListener("htmx:responseError", (event) => {
  const locked = event.detail.xhr.status === 401;
  sayLost(locked ? "This console was started again, or was not used for hours: open a new address, as you did at first." : "The console failed; its terminal or log says why.");
});

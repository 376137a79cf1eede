// What the pages do in the browser besides htmx: times in the viewer's zone, the graph of a person, a lost console.
const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function localTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]:not([data-ago])")) {
    const time = new Date(element.dateTime);
    if (!Number.isNaN(time.valueOf())) element.textContent = zone.format(time);
  }
}

function sayLost(text) {
  const lost = document.getElementById("lost");
  lost.textContent = text;
  lost.hidden = !text;
}

localTimes(document);
document.addEventListener("htmx:afterSwap", (event) => localTimes(event.detail.target));
document.addEventListener("htmx:afterRequest", (event) => event.detail.successful && sayLost(""));
document.addEventListener("htmx:sendError", () => sayLost("The console does not answer. If it has ended, start it again and open its new address."));
document.addEventListener("htmx:timeout", () => sayLost("There is no answer yet; the page asks again."));
document.addEventListener("htmx:responseError", (event) => {
  const locked = event.detail.xhr.status === 401;
  sayLost(locked ? "This console was started again: open the address that it printed." : "The console failed; its terminal or log says why.");
});

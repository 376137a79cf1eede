/** The demo page: recalls over made-up artifacts, tracked by the client, and beside them what arrived. */
import { type Status, Tracker, userOf } from "../../../clients/typescript/src/index.ts";
import { type Arrived, drawGraph, type Row, showRows, withWaiting } from "./arrived.ts";
import { search } from "./artifacts.ts";
import { type Session, signIn } from "./sign_in.ts";

const ACTIONS = { peel: "Peel", keep: "Keep", mark_good: "Good", mark_bad: "Bad" } as const;
const ASK_MS = 700; // between two questions whether it has arrived
const HINTS = { there: "", not_there: "Nothing yet.", unavailable: "The graph cannot be read just now." };
const NOTHING: Arrived = { interactions: [], graph: { state: "not_there", labels: [], edges: {} } };

const find = <Found extends HTMLElement>(id: string) => document.getElementById(id) as Found;

let session: Session;
let tracker: Tracker;
let event: { id: string; query: string; tracked: Row[] } | undefined;
let asking: ReturnType<typeof setTimeout> | undefined;
let asks = 0;

find<HTMLFormElement>("sign-in").onsubmit = async (submitted) => {
  submitted.preventDefault();
  const form = new FormData(submitted.target as HTMLFormElement);
  try {
    const { client_id } = (await (await fetch("/demo/settings.json")).json()) as { client_id: string };
    session = await signIn(client_id, String(form.get("email")), String(form.get("password")));
    const user = userOf(await session.token({ refresh: false }))!;
    tracker = new Tracker({ url: location.origin, user, token: session.token, batchMilliseconds: 300, onStatus: show });
  } catch (error) {
    find("refusal").textContent = (error as Error).message;
    return;
  }
  find("user").textContent = session.email;
  for (const [id, hidden] of [["sign-in", true], ["sign-out", false], ["demo", false]] as const) find(id).hidden = hidden;
  find<HTMLInputElement>("query").focus();
};

/** What could not be sent stays on this device for the same user's next time. */
find("sign-out").onclick = async () => {
  await tracker.close(2);
  location.reload();
};

find<HTMLFormElement>("search").onsubmit = (submitted) => {
  submitted.preventDefault();
  const query = find<HTMLInputElement>("query").value.trim();
  const found = search(query);
  event = { id: tracker.recall({ query, results: found.map(({ id }) => id) }), query, tracked: [] };
  find("results").replaceChildren(...found.map((artifact, index) => result(artifact, index + 1)));
  follow("recall", null);
};

function result({ id, title, text }: { id: string; title: string; text: string }, position: number): HTMLElement {
  const item = document.createElement("li");
  const [name, summary, buttons] = ["strong", "p", "div"].map((tag) => document.createElement(tag)) as [HTMLElement, HTMLElement, HTMLElement];
  name.textContent = title;
  summary.textContent = text;
  for (const [kind, label] of Object.entries(ACTIONS) as Array<[keyof typeof ACTIONS, string]>) {
    const button = document.createElement("button");
    button.textContent = label;
    button.className = kind;
    button.setAttribute("aria-label", `${label}: ${title}`);
    button.onclick = () => {
      void tracker.track({ kind, event_id: event!.id, artifact_id: id, metadata: { position } });
      button.setAttribute("aria-pressed", "true");
      follow(kind, id);
    };
    buttons.append(button);
  }
  item.append(name, summary, buttons);
  return item;
}

/** Show what was just tracked as waiting, until it has arrived. */
function follow(kind: string, artifact_id: string | null): void {
  event!.tracked.push({ kind, artifact_id, timestamp: new Date().toISOString(), state: "waiting" });
  void ask();
}

/** Ask what has arrived, and again until all of it is in the graph. Only the latest question's answer is shown. */
async function ask(): Promise<void> {
  clearTimeout(asking);
  const asked = event!;
  const number = ++asks;
  const arrived = await arrivedOf(asked.id).catch(() => NOTHING);
  if (number !== asks) return;
  const rows = withWaiting(arrived.interactions, asked.tracked);
  showRows(find("rows"), rows);
  drawGraph(document.querySelector("svg")!, arrived, asked.query);
  find("hint").textContent = HINTS[arrived.graph.state];
  const isShown = arrived.graph.state === "there" && rows.every(({ state }) => state === "in_graph");
  if (!isShown) asking = setTimeout(ask, ASK_MS);
}

async function arrivedOf(eventId: string): Promise<Arrived> {
  const headers = { Authorization: `Bearer ${await session.token({ refresh: false })}` };
  const answer = await fetch(`/event/${eventId}`, { headers, signal: AbortSignal.timeout(30_000) });
  return answer.ok ? ((await answer.json()) as Arrived) : NOTHING;
}

function show({ waiting, reason, state }: Status): void {
  const why = state === "ready" ? "" : ` (${reason ?? state})`;
  find("status").textContent = waiting ? `${waiting} waiting${why}` : "everything is sent";
}

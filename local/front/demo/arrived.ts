/** Shows what of an event has arrived: the ledger's rows, and the graph as a drawing. */

/** An event as `GET /event/{event_id}` tells it. */
export interface Arrived {
  interactions: Row[];
}

export interface Row {
  kind: string;
  artifact_id: string | null;
  timestamp: string;
  state: "waiting" | "stored" | "in_graph";
}

export function showRows(body: HTMLElement, rows: Row[]): void {
  body.replaceChildren(
    ...rows.map((row) => {
      const line = document.createElement("tr");
      const texts = [row.kind, row.artifact_id ?? "", time(row.timestamp), row.state.replace("_", " ")];
      line.append(...texts.map(cell));
      line.lastElementChild!.className = row.state;
      return line;
    }),
  );
}

const WIDTH = 520;
const ROW = 54;
const NODE = { user: 50, event: 210, artifact: 400 };

/** Draw user, event and artifacts from left to right, with an edge for each interaction that the graph has. */
export function drawGraph(place: HTMLElement, rows: Row[], query: string): void {
  const drawn = rows.filter((row) => row.state === "in_graph");
  const event = drawn.find((row) => row.artifact_id === null);
  const artifacts = [...new Set(drawn.flatMap((row) => row.artifact_id ?? []))];
  const height = Math.max(2, artifacts.length) * ROW;
  const middle = height / 2;
  const drawing = element("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img" });
  drawing.append(element("title", {}, `The event with ${drawn.length} interactions in the graph`));
  if (event) drawing.append(...edge(NODE.user + 26, middle, NODE.event - 42, middle, "INITIATED", ""));
  artifacts.forEach((artifact, index) => {
    const edges = drawn.filter((row) => row.artifact_id === artifact);
    const y = ROW * (index + 0.5);
    edges.forEach((row, place) => {
      const bend = (place - (edges.length - 1) / 2) * 26;
      drawing.append(...edge(NODE.event + 42, middle, NODE.artifact - 20, y, row.kind.toUpperCase(), row.kind, bend));
    });
    drawing.append(...box(NODE.artifact + 50, y, 140, artifact, ""));
  });
  if (event) drawing.append(...box(NODE.user, middle, 52, "User", ""), ...box(NODE.event, middle, 84, query || "Event", "event"));
  place.replaceChildren(drawing);
}

function box(x: number, y: number, width: number, text: string, kind: string): SVGElement[] {
  const most = Math.floor(width / 6.4);
  const label = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  const shape = element("rect", { x: x - width / 2, y: y - 15, width, height: 30, rx: 15, class: `node ${kind}` });
  const name = element("text", { x, y: y + 4, "text-anchor": "middle" }, label);
  return [shape, name];
}

/** An edge from one side to the other, bent so that edges between the same two do not lie on each other. */
function edge(x1: number, y1: number, x2: number, y2: number, text: string, kind: string, bend = 0): SVGElement[] {
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2 + bend];
  const line = element("path", { d: `M${x1} ${y1} Q${x} ${y} ${x2} ${y2}`, class: `edge ${kind}` });
  return [line, element("text", { x, y: (y1 + y2) / 4 + y / 2 + 3.5, class: `label ${kind}` }, text)];
}

function element(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  made.textContent = text;
  return made;
}

function cell(text: string): HTMLElement {
  const made = document.createElement("td");
  made.textContent = text;
  made.title = text;
  return made;
}

function time(timestamp: string): string {
  return new Date(timestamp).toLocaleTimeString(undefined, { hour12: false, fractionalSecondDigits: 3 });
}

/** Shows what of an event has arrived: the ledger's rows, and the graph as a drawing. */

import type { EventStatus } from "../../../clients/typescript/src/index.ts";

export type Arrived = Pick<EventStatus, "interactions" | "graph">;
type Stored = EventStatus["interactions"][number];
export type Row = Pick<Stored, "kind" | "artifact_id" | "timestamp"> & { state: Stored["state"] | "waiting" };

/** Return the rows that arrived, and after them what was tracked and has not arrived. */
export function withWaiting(arrived: readonly Row[], tracked: readonly Row[]): Row[] {
  const left = arrived.map(keyOf);
  const waiting = tracked.filter((row) => {
    const place = left.indexOf(keyOf(row));
    return place < 0 || !left.splice(place, 1);
  });
  return [...arrived, ...waiting];
}

function keyOf({ kind, artifact_id }: Row): string {
  return `${kind} ${artifact_id ?? ""}`;
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

const WIDTH = 540;
const HEADING = 26;
const ROW = 56;
const BEND = 44; // between edges of the same two nodes
const USER = { x: 32, width: 56 };
const EVENT = { x: 192, width: 92 };
const ARTIFACT = { x: 456, width: 166 };
const LABEL_AT = 0.6; // of an edge: nearer to the artifact, where the edges are farther from each other

/** Draw user, event and artifacts from left to right, with an edge for each interaction that the graph has. */
export function drawGraph(drawing: SVGElement, { interactions, graph }: Arrived, query: string): void {
  const { labels, state } = graph;
  const drawn = interactions.filter((row) => row.state === "in_graph");
  const artifacts = [...new Set(drawn.flatMap((row) => row.artifact_id ?? []))];
  const height = HEADING + Math.max(1, artifacts.length) * ROW;
  const middle = (HEADING + height) / 2;
  drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  drawing.replaceChildren(element("title", {}, `The event with ${drawn.length} interactions in the graph`));
  artifacts.forEach((artifact, index) => {
    const edges = drawn.filter((row) => row.artifact_id === artifact);
    const y = HEADING + ROW * (index + 0.5);
    edges.forEach(({ kind }, number) => {
      const bend = (number - (edges.length - 1) / 2) * BEND;
      drawing.append(...edge(right(EVENT), middle, left(ARTIFACT), y, kind.toUpperCase(), kind, bend));
    });
    drawing.append(...box(ARTIFACT, y, artifact, ""));
  });
  if (state === "there") {
    drawing.append(...edge(right(USER), middle, left(EVENT), middle, "INITIATED", ""));
    drawing.append(...box(USER, middle, "you", ""), ...box(EVENT, middle, query || "–", "event"));
    const headings = [[USER, "User"], [EVENT, labels.join(":")], [ARTIFACT, artifacts.length ? "Artifact" : ""]] as const;
    for (const [{ x }, text] of headings) drawing.append(element("text", { x, y: 12, class: "heading" }, text));
  }
}

type Column = { x: number; width: number };
const left = ({ x, width }: Column) => x - width / 2;
const right = ({ x, width }: Column) => x + width / 2;

function box({ x, width }: Column, y: number, text: string, kind: string): SVGElement[] {
  const most = Math.floor((width - 16) / 6.4);
  const label = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  const shape = element("rect", { x: x - width / 2, y: y - 15, width, height: 30, rx: 15, class: `node ${kind}` });
  const name = element("text", { x, y: y + 4, "text-anchor": "middle" }, label);
  return [shape, name];
}

/** An edge from one side to the other, bent so that edges between the same two do not lie on each other. */
function edge(x1: number, y1: number, x2: number, y2: number, text: string, kind: string, bend = 0): SVGElement[] {
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2 + bend];
  const along = (from: number, by: number, to: number) =>
    (1 - LABEL_AT) ** 2 * from + 2 * LABEL_AT * (1 - LABEL_AT) * by + LABEL_AT ** 2 * to;
  const line = element("path", { d: `M${x1} ${y1} Q${x} ${y} ${x2} ${y2}`, class: `edge ${kind}` });
  const at = { x: kind ? along(x1, x, x2) : x, y: along(y1, y, y2) + 3.5 };
  return [line, element("text", { ...at, class: `label ${kind}` }, text)];
}

function element(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(document.querySelector("svg")!.namespaceURI, name) as SVGElement;
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
  const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false } as const;
  return new Date(timestamp).toLocaleTimeString(undefined, parts);
}

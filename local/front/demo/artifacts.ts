/** Made-up artifacts to search in. */
export interface Artifact {
  id: string;
  title: string;
  text: string;
}

const TEXTS: Array<[title: string, text: string]> = [
  ["Sourdough, day by day", "For bread that keeps a week: a starter of rye and water doubles on day five."],
  ["Bread without kneading", "Time does the work: mix flour, water and salt, and let the dough rest for eighteen hours."],
  ["Why bread goes stale", "Starch turns back into crystals. Warmth reverses it, and a fridge makes it faster."],
  ["A short history of the United States", "From thirteen colonies to fifty states, with the maps of each census."],
  ["Trains across the Alps", "Tunnels, spirals and viaducts: how the railway climbs from Zürich to Milan."],
  ["Night trains in Europe", "Which cities a sleeper connects this year, and how to book a couchette."],
  ["Tomatoes on a balcony", "Six hours of sun and water at the roots. In August they are best on toasted bread."],
  ["Water for a small garden", "Two barrels, a timer and a drip line keep twelve beds alive for three weeks."],
  ["Reading a weather map", "Where the lines are close together the wind is strong. A front brings rain, then cold air."],
  ["Clouds and what they say", "High feathers of ice announce a change of weather a day ahead."],
  ["The graph behind a search", "Nodes are things and edges are what people did with them; the path between two is a reason."],
  ["Postgres for the impatient", "Tables, an index, a transaction: enough of the database to be dangerous with."],
  ["Queues that lose nothing", "At least once delivery, and receivers that do not mind to hear a thing twice."],
  ["Clocks that disagree", "Two machines, two times. How to order what happened without trusting either."],
  ["Learning to rank results", "Clicks are biased by position. Marks are rare and honest. How to learn from both."],
  ["Chess endings with rooks", "The side with the rook behind the pawn wins, and four exceptions."],
];

export const ARTIFACTS: Artifact[] = TEXTS.map(([title, text]) => ({
  id: title.toLowerCase().replace(/[^a-z]+/g, "-"),
  title,
  text,
}));

/** Return the artifacts with the most of the query's words, the title's first; all of them for an empty query. */
export function search(query: string): Artifact[] {
  const words = query.toLowerCase().match(/\p{L}+/gu) ?? [];
  const score = ({ title, text }: Artifact) =>
    words.reduce((sum, word) => sum + 3 * count(title, word) + count(text, word), 0);
  const found = ARTIFACTS.filter((artifact) => !words.length || score(artifact));
  return found.sort((one, other) => score(other) - score(one)).slice(0, 6);
}

function count(text: string, word: string): number {
  return text.toLowerCase().includes(word) ? 1 : 0;
}

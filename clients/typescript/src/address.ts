const THIS_MACHINE = ["localhost", "127.0.0.1", "[::1]"];

/** Return the API's address without a slash at its end. Throws if the user's token would cross a network in clear text. */
export function apiAddress(url: string): string {
  const { protocol, hostname } = new URL(url, globalThis.location?.href);
  if (protocol === "https:" || (protocol === "http:" && THIS_MACHINE.includes(hostname))) return url.replace(/\/+$/, "");
  throw new Error("url: must begin with https:// (http:// only for localhost, 127.0.0.1 and [::1])");
}

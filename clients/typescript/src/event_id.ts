/** Return a new random UUID. `crypto.randomUUID` is missing on pages without TLS. */
export function newEventId(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const digits = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
  const variant = "89ab"[crypto.getRandomValues(new Uint8Array(1))[0]! % 4];
  return digits.join("").replace(/(.{8})(.{4}).(.{3}).(.{3})(.{12})/, `$1-$2-4$3-${variant}$4-$5`);
}

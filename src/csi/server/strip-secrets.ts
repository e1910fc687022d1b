/** Deep enough for every CSI message; deeper values are left out. */
const DEPTH_MAX = 8;
const SECRET_NAME = /secret/iu;

/** A request as it may be logged: CSI puts secrets into fields whose names end in `secrets`. */
export function stripSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH_MAX) return "…";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map((item) => stripSecrets(item, depth + 1));
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(
    entries.map(([name, field]) => [
      name,
      SECRET_NAME.test(name) ? "stripped" : stripSecrets(field, depth + 1),
    ]),
  );
}

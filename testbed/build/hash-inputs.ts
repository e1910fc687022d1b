import { createHash } from "node:crypto";

const KEY_CHARACTERS = 16;

/** A key for these inputs in their order. Different lists of names and contents never have the same key. */
export function hashInputs(inputs: Readonly<Record<string, string | Uint8Array>>): string {
  const hash = createHash("sha256");
  for (const [name, content] of Object.entries(inputs)) {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    hash.update(`${JSON.stringify(name)} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, KEY_CHARACTERS);
}

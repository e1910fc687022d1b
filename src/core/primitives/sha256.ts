import { hash } from "node:crypto";

/** SHA-256 of a text in UTF-8, in hexadecimal digits. For names, never for secrets. */
export function sha256Hex(text: string): string {
  return hash("sha256", text);
}

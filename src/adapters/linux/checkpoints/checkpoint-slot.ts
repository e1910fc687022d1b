import { createHash } from "node:crypto";
import { parseJson } from "../../../core/primitives/parse-json.ts";

/** A slot's content: which write of all it was, and its text. */
export interface SlotContent {
  /** One more than that of the other slot, which has the content before; equal where both have the same. */
  readonly sequence: number;
  readonly text: string;
}

/**
 * A slot's bytes: a line that says what follows it, and the text, which ends with a line feed. The slot may
 * be longer; what comes after the text counts for nothing.
 */
export function encodeSlot({ sequence, text }: SlotContent): Buffer {
  const body = Buffer.from(text);
  const head = { sequence, bytes: body.length, sha256: digestOf(sequence, body) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
}

/** The content of a slot; undefined where it is damaged, as by a write that has not ended. */
export function decodeSlot(slot: Buffer): SlotContent | undefined {
  const headEnd = slot.indexOf("\n");
  if (headEnd < 0) return undefined;
  const head = parseJson(slot.subarray(0, headEnd).toString("utf8"));
  if (!isHead(head)) return undefined;
  const body = slot.subarray(headEnd + 1, headEnd + 1 + head.bytes);
  return body.length === head.bytes && digestOf(head.sequence, body) === head.sha256
    ? { sequence: head.sequence, text: body.toString("utf8") }
    : undefined;
}

/** Of the number as well: a write that ended within its digits would make an older text the newest. */
function digestOf(sequence: number, body: Buffer): string {
  return createHash("sha256").update(`${sequence}\n`).update(body).digest("hex");
}

interface Head {
  readonly sequence: number;
  readonly bytes: number;
  readonly sha256: string;
}

function isHead(value: unknown): value is Head {
  return (
    typeof value === "object" &&
    value !== null &&
    "sequence" in value &&
    "bytes" in value &&
    "sha256" in value &&
    Number.isSafeInteger(value.sequence) &&
    Number.isSafeInteger(value.bytes) &&
    typeof value.sha256 === "string"
  );
}

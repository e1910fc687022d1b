import { decodeSlot, type SlotContent } from "./checkpoint-slot.ts";
import { parseNodeCheckpoints, type CheckpointFile } from "./parse-node-checkpoints.ts";

/** The bytes of the two files of the checkpoints; undefined: there is no such file. */
export type FoundFiles = readonly [Buffer | undefined, Buffer | undefined];

/**
 * `damaged`: it is there and not whole, as of an interrupted write, or of one that has decayed since.
 * `missing`: it was there, and was removed.
 */
export type CheckpointFileFault = "damaged" | "missing";

/** What the two files say. */
export type ChosenCheckpoints =
  /** There is no file: the node's first start. */
  | { readonly kind: "none" }
  | { readonly kind: "damaged"; readonly fault: string }
  /** The newest whole write is in the file at `index`, whose `bytes` these are. */
  | {
      readonly kind: "slot";
      readonly index: 0 | 1;
      readonly bytes: Buffer;
      readonly sequence: number;
      readonly file: CheckpointFile;
      /** What is wrong with the other file. */
      readonly faultOfOther: CheckpointFileFault | undefined;
    };

/**
 * Chooses the newest of what is whole in the two files. Of an interrupted write the file before it is left,
 * which is what was acknowledged. A write that is whole and not understood is never passed over.
 */
export function chooseCheckpoints([first, second]: FoundFiles): ChosenCheckpoints {
  if (first === undefined && second === undefined) return { kind: "none" };
  const [one, two] = [first, second].map((bytes) => wholeIn(bytes));
  const isSecond = one === undefined || (two !== undefined && two.sequence > one.sequence);
  const newest = isSecond ? two : one;
  if (newest === undefined) return { kind: "damaged", fault: "no whole write is in them" };
  const { bytes, sequence, text } = newest;
  const parsed = parseNodeCheckpoints(text);
  if (!parsed.ok) return { kind: "damaged", fault: parsed.failure };
  const [other, wholeOther] = isSecond ? [first, one] : [second, two];
  // Nothing is overwritten before both files were made, so one that is alone with the first number was made
  // by a plug-in that ended before it made the other.
  const isMissing = other === undefined && sequence > 0;
  const isDamaged = other !== undefined && wholeOther === undefined;
  const faultOfOther = isMissing ? "missing" : isDamaged ? "damaged" : undefined;
  return { kind: "slot", index: isSecond ? 1 : 0, bytes, sequence, file: parsed.value, faultOfOther };
}

function wholeIn(bytes: Buffer | undefined): (SlotContent & { readonly bytes: Buffer }) | undefined {
  const content = bytes === undefined ? undefined : decodeSlot(bytes);
  return bytes === undefined || content === undefined ? undefined : { bytes, ...content };
}

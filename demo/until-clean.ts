import type { WriterRecord } from "../src/core/api/az-volume.ts";
import { isNamed } from "../src/core/writer/record/record-nodes.ts";
import type { Lab, LabNode } from "./lab/lab.ts";
import { readRecord } from "./observe.ts";
import type { DemoVolume } from "./volume-moves.ts";
import { waitUntil } from "./wait-until.ts";

const CLEAN_MAX_MS = 120_000;

/**
 * `unlisted`: the record was rebuilt, and calls the node quarantined since it lists it nowhere. Such a node
 * leaves the quarantine when it has the disk again, and what it has mounted waits for its kubelet.
 */
export type Cleanliness = "clean" | "unlisted";

/** Waits until a node that was fenced has cleaned up, and the volume's record says so, or one of `also`. */
export async function untilClean(
  { lab, signal }: { readonly lab: Lab; readonly signal: AbortSignal },
  volume: DemoVolume,
  node: LabNode,
  also: readonly Cleanliness[] = [],
): Promise<Cleanliness> {
  return waitUntil(`${node.name} to leave quarantine`, CLEAN_MAX_MS, async () => {
    const record = await readRecord(lab, volume, signal);
    const found = record === undefined ? undefined : cleanlinessIn(record, node.name);
    return found === "clean" || (found !== undefined && also.includes(found)) ? found : undefined;
  });
}

/** Undefined while the record waits for the node. */
export function cleanlinessIn(record: WriterRecord, nodeName: string): Cleanliness | undefined {
  if (isNamed(record, nodeName, "quarantined", "unverified", "fencing")) return undefined;
  const isListed = record.defaultAccess !== "quarantined" || isNamed(record, nodeName, "clean");
  return isListed ? "clean" : "unlisted";
}

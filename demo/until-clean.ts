import type { WriterRecord } from "../src/core/api/az-volume.ts";
import { isNamed } from "../src/core/writer/record/record-nodes.ts";
import type { Lab, LabNode } from "./lab/lab.ts";
import { readRecord } from "./observe.ts";
import type { DemoVolume } from "./volume-moves.ts";
import { waitUntil } from "./wait-until.ts";

const CLEAN_MAX_MS = 120_000;

/** Waits until a node that was fenced has cleaned up, and the volume's record says so. */
export async function untilClean(
  { lab, signal }: { readonly lab: Lab; readonly signal: AbortSignal },
  volume: DemoVolume,
  node: LabNode,
): Promise<void> {
  await waitUntil(`${node.name} to leave quarantine`, CLEAN_MAX_MS, async () => {
    const record = await readRecord(lab, volume, signal);
    return record !== undefined && isKnownClean(record, node.name) ? true : undefined;
  });
}

/** A record that was rebuilt calls each node quarantined that it does not list. */
export function isKnownClean(record: WriterRecord, nodeName: string): boolean {
  if (isNamed(record, nodeName, "quarantined", "unverified", "fencing")) return false;
  return record.defaultAccess === "quarantined" ? isNamed(record, nodeName, "clean") : true;
}

import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { isNamed } from "../../writer/record/record-nodes.ts";
import { isAttached } from "../attachment-state.ts";
import { type ObservedVolume, recordOf, stayingPrimaries } from "../observed-volume.ts";

/** Whether each primary has its disk: its attach must not queue behind those of its replicas. */
export function isPrimaryServed(observed: ObservedVolume): boolean {
  const primaries = stayingPrimaries(observed);
  return primaries.length > 0 && primaries.every((primary) => isServed(observed, primary));
}

/** A device that its writer misses is no reason to wait. Of several writers nothing says who they are. */
function isServed(observed: ObservedVolume, primary: AzVolumeAttachment): boolean {
  const record = recordOf(observed);
  const mayMiss = record === undefined || isNamed(record, primary.spec.nodeName, "holder");
  return mayMiss ? primary.status?.state === "Attached" : isAttached(primary);
}

import { isSameNode } from "../api/identity/node-identity.ts";
import { isRecordMissing, type ObservedVolume, recordOf } from "../attachment/observed-volume.ts";
import { isWell } from "./node-silence.ts";
import { isWaitingElsewhere } from "./plan-silent-writer.ts";

/**
 * Whether the writer's own node is healthy and no known pod waits elsewhere: no failover is near, and the
 * volume can spare a replica for a while. Multi-writer volumes have no failover. A record that is being
 * rebuilt proves nothing.
 */
export function isWriterWell(observed: ObservedVolume): boolean {
  const record = recordOf(observed);
  if (record === undefined) return !isRecordMissing(observed.volume);
  const { writer, fencing } = record;
  if (writer?.requested !== true || fencing !== undefined) return false;
  const node = observed.node(writer.nodeName);
  if (node === undefined || !isSameNode(node, writer) || !isWell(observed, node)) return false;
  return observed.pods()?.some((pod) => isWaitingElsewhere(pod, writer.nodeName)) === false;
}

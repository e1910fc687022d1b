import { isSameNode } from "../model/node-identity.ts";
import { isNotReady, isSilent } from "./node-silence.ts";
import { isOutOfService, isRecordMissing, type ObservedVolume, recordOf } from "./observed-volume.ts";
import { isWaitingElsewhere } from "./plan-silent-writer.ts";

/**
 * Whether the writer's own node says that it is well, and no pod waits elsewhere, as far as pods are known: no failover is near, and the volume can spare a standby for a while. Where several nodes may
 * write there is no failover; a record that is being made anew says nothing.
 */
export function isWriterWell(observed: ObservedVolume): boolean {
  const record = recordOf(observed);
  if (record === undefined) return !isRecordMissing(observed.volume);
  const { writer, fencing } = record;
  if (writer?.wanted !== true || fencing !== undefined || isOutOfService(observed, writer.nodeName)) return false;
  const node = observed.node(writer.nodeName);
  if (node === undefined || !isSameNode(node, writer) || !node.isReady || node.isGone || isSilent(observed, node) || isNotReady(node)) return false;
  return observed.pods()?.some((pod) => isWaitingElsewhere(pod, writer.nodeName)) === false;
}

import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { ObservedVolume } from "../attachment/observed-volume.ts";
import type { WriterAction } from "../writer/writer-action.ts";
import { anAttachment, agoMs, identity } from "./objects.ts";

export const requestedSince = (nodeName: string, ms: number): AzVolumeAttachment =>
  anAttachment(nodeName, { spec: { writerRequest: { since: agoMs(ms) } } });
export const withoutRequest = (nodeName: string): AzVolumeAttachment => {
  const { writerRequest: _, ...spec } = anAttachment(nodeName).spec;
  return { ...anAttachment(nodeName), spec };
};

/** What `planWriter` has to answer. */
export interface WriterPlan {
  readonly because: string;
  readonly observed: ObservedVolume;
  readonly plan: readonly WriterAction[];
}

export const grants = (nodeName: string): WriterAction => ({
  kind: "Grant",
  node: identity(nodeName),
  isUserSeen: true,
});
export const endsRequest = (nodeName: string): WriterAction => ({
  kind: "Withdraw",
  from: "attachment",
  nodeName,
});
export const asksIfGone: WriterAction = { kind: "AskAzure", node: identity("node-a"), mayBeGone: true };
/** The end of what is said of node-a, which has a Node. */
export const ifDead =
  "If its VM is off or cut off from the network for good, mark it out of service. On Kubernetes, run: " +
  "kubectl taint nodes node-a node.kubernetes.io/out-of-service=nodeshutdown:NoExecute";
export const reportsSilence = (role: string): WriterAction => ({
  kind: "Report",
  reason: "WriterSilent",
  nodeName: "node-a",
  retryAfterMs: 5_000,
  message:
    `node-a, ${role}, has sent no heartbeat for more than 35 s, ` + `and the volume is requested. ${ifDead}`,
  localKey: "the volume is requested, and node-a is silent",
});

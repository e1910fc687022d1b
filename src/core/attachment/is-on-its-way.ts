import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { isSameVmId, type NodeIdentity } from "../api/identity/node-identity.ts";
import type { ObservedVolume } from "./observed-volume.ts";
import { planAttachment } from "./plan-attachment.ts";

/**
 * How long an attachment counts as being on its way after its last change, in milliseconds. What takes
 * longer waits for something else: a pod that still runs, a share, another try.
 */
const ON_ITS_WAY_MS = 1_000;

/**
 * Whether an attach to a VM, or a detach from it, is about to begin or has just begun: then an update of
 * the VM may wait a moment for it. An attachment whose last try failed has a back-off of its own.
 */
export function isOnItsWay(
  observed: ObservedVolume,
  {
    attachment,
    node,
    unchangedMs,
  }: { readonly attachment: AzVolumeAttachment; readonly node: NodeIdentity; readonly unchangedMs: number },
): boolean {
  if (unchangedMs > ON_ITS_WAY_MS || attachment.status?.error !== undefined) return false;
  const action = planAttachment(observed, attachment);
  if (action?.kind === "Attach" || action?.kind === "Detach") return isSameVmId(action.node.vmId, node.vmId);
  // Its request has just been withdrawn, and its deletion follows.
  return (
    attachment.spec.role === "Primary" &&
    attachment.spec.writerRequest === undefined &&
    attachment.status?.state === "Attached" &&
    isSameVmId(attachment.status.vmId, node.vmId)
  );
}

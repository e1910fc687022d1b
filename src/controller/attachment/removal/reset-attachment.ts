import { isSameVmId, type NodeIdentity } from "../../../core/api/identity/node-identity.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { sameJson } from "../../../core/primitives/same-json.ts";
import { namedAttachment } from "../../../objects/named-attachment.ts";
import { changeStatus } from "../../../objects/update-object.ts";
import type { FenceProof } from "../../../ports/cloud/cloud-provisioner.ts";
import type { ObjectStore } from "../../../ports/store/object-store.ts";
import { withoutPlace } from "../disk-place.ts";

/**
 * Records that a disk is detached other than by a detach of its attachment: by a fence, or with its VM.
 * Another disk may soon get the LUN that the attachment names, and the node would take it for this
 * volume's. `proof`: what has shown it; once the VM is proven not to list the disk, nothing is left to
 * detach. That mark changes an attachment that names no place as well, and by the change an attach of another
 * volume, whose cache is stale, finds that this node may be in quarantine. A proof by the VM's end leaves no
 * mark: an attachment without a place stays as it is, so the volumes of pending ones are read, too
 * (`may-attach-now.ts`). Success where there is no such attachment.
 */
export async function resetAttachment(
  store: ObjectStore,
  where: { readonly diskUri: string; readonly node: NodeIdentity; readonly proof?: FenceProof["kind"] },
  signal: AbortSignal,
): Promise<Result<void>> {
  const reset = await changeStatus(
    store,
    namedAttachment({ diskUri: where.diskUri, nodeName: where.node.nodeName }),
    (present) => {
      if (present.status?.vmId !== undefined && !isSameVmId(present.status.vmId, where.node.vmId))
        return undefined;
      const provenOff = where.proof === "entryGone" ? { provenOff: where.node.vmId } : {};
      const before = present.status ?? { state: "Pending" };
      const { attempt: _, ...kept } = withoutPlace(before);
      const status = { ...kept, ...provenOff, state: "Pending" as const };
      return sameJson(status, before) ? undefined : { ...present, status };
    },
    signal,
  );
  return reset.ok || reset.failure.kind === "ObjectNotFound" ? ok(undefined) : reset;
}

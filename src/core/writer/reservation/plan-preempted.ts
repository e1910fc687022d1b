import { isSameVmId } from "../../api/identity/node-identity.ts";
import { isAttached } from "../../attachment/attachment-state.ts";
import type { ObservedVolume } from "../../attachment/observed-volume.ts";
import type { WriterAction } from "../writer-action.ts";
import { fencedGrant } from "./fenced-grant.ts";

/**
 * A node that is being fenced no longer keeps others waiting once another one reports that it has preempted
 * its reservation: only one whose disk controllers have attached, and never the fenced VM itself.
 */
export function planPreempted({ volume, attachments }: ObservedVolume): readonly WriterAction[] {
  const grant = fencedGrant(volume);
  if (grant === undefined) return [];
  const { node, epoch, key } = grant;
  const report = attachments.find(
    ({ attachment }) =>
      attachment.status?.preempted === key &&
      attachment.spec.nodeName !== node.nodeName &&
      !isSameVmId(attachment.status.vmId, node.vmId) &&
      isAttached(attachment),
  );
  if (report === undefined) return [];
  return [{ kind: "RecordPreempted", node, epoch, by: report.attachment.spec.nodeName }];
}

import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { isOnItsWay } from "../../core/attachment/is-on-its-way.ts";
import type { AttachmentPorts } from "../controller-ports.ts";
import { observeVolume } from "../observe-volume.ts";

/** The disks that this node is about to have attached or detached, according to the caches. */
export function expectedDisksOn(ports: AttachmentPorts, node: NodeIdentity): readonly string[] {
  return ports.cache
    .byIndex("AzVolumeAttachment", "nodeName", node.nodeName)
    .filter((attachment) => isExpected(ports, attachment, node))
    .map(({ spec }) => spec.volumeId);
}

function isExpected(ports: AttachmentPorts, attachment: AzVolumeAttachment, node: NodeIdentity): boolean {
  const unchangedMs = ports.cache.unchangedMs("AzVolumeAttachment", attachment.metadata.name);
  const observed = observeVolume(ports, attachment.spec.volumeName);
  return observed !== undefined && isOnItsWay(observed, { attachment, node, unchangedMs: unchangedMs ?? 0 });
}

import type { AzVolume } from "../core/model/az-volume.ts";
import { resourceUriKey } from "../core/model/disk-uri.ts";
import type { NodeIdentity } from "../core/model/node-identity.ts";
import { isWriter, mayDetach, mayForceOff } from "../core/plan/writer-steps.ts";
import type { MayCarryOut } from "../ports/cloud-provisioner.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** What an update of a VM is for. */
interface Update {
  readonly node: NodeIdentity;
  /** The disk that is attached: a detach of its own that was left behind is carried out where the node does not hold it. */
  readonly attaches?: string;
  /** It settles the VM: nodes that are unproven wait for that, so only writers are spared. */
  readonly settles?: true;
}

/**
 * Answers whether an update of a VM may carry out detaches that others have left behind there (`toBeDetached`): the next update of the VM does so, whatever it is
 * for. Not where the volume is in use on that node: its users would lose their disk. Only a fence goes without this question.
 */
export function mayCarryOut(ports: Pick<ControllerPorts, "store" | "cache" | "events">, update: Update): MayCarryOut {
  return async (leaving, signal) => {
    let isHarmless = true;
    for (const diskUri of leaving) {
      for (const { metadata } of ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(diskUri))) {
        const fresh = await ports.store.get("AzVolume", metadata.name, signal);
        if (!fresh.ok && fresh.failure.kind === "ObjectNotFound") continue;
        // What the record says is not known: then nothing is risked.
        if (!fresh.ok) return false;
        if (!isInUse(ports, fresh.value, update)) continue;
        isHarmless = false;
        tellUsers(ports, metadata.name, update.node);
      }
    }
    return isHarmless;
  };
}

function isInUse({ cache }: Pick<ControllerPorts, "cache">, volume: AzVolume, { node, attaches, settles }: Update): boolean {
  const record = volume.status?.record;
  if (record === undefined) {
    const attachments = cache.byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name);
    return attachments.some(({ spec }) => spec.nodeName === node.nodeName && spec.role === "Primary");
  }
  if (settles === true) return isWriter(record, node);
  const diskUri = volume.status?.detail?.diskUri ?? volume.spec.diskUri ?? "";
  const isOwn = attaches !== undefined && resourceUriKey(attaches) === resourceUriKey(diskUri);
  return isOwn ? !mayForceOff(record, node) : !mayDetach(record, node);
}

function tellUsers({ events }: Pick<ControllerPorts, "events">, volumeName: string, { nodeName }: NodeIdentity): void {
  const message = `Azure lists the disk on ${nodeName} as one that is to come off, and the driver has not asked for that: the next update of that VM takes it away from its users`;
  events.emit({ about: { kind: "AzVolume", name: volumeName }, nodeName, reason: "DetachLeftBehind", message, news: nodeName });
}

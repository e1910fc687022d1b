import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok } from "../../core/failure/result.ts";
import { hasNoContainer } from "../../core/schedule/volume-use.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import type { AttachedVm } from "./find-attached-vms.ts";
import { recordListed } from "./record-attached-vms.ts";

/** An entry in the list of a VM that its disk does not name. */
interface FailedAttach {
  readonly diskUri: string;
  readonly entry: AttachedVm;
  /** An attachment of the node that has a state by now knows better. Default: it is corrected. */
  readonly isNew?: boolean;
}

/**
 * The node may show itself clean by an entry without a device. Not while a container may run there: it
 * may use a device that the node does not find by its LUN, and Azure's list of the disk's VMs may lag.
 */
export async function recordFailedAttach(
  ports: AdoptionPorts,
  volume: AzVolume,
  { diskUri, entry, isNew = false }: FailedAttach,
  signal: AbortSignal,
): Promise<Reconciled> {
  const storeIncarnation = volume.status?.record?.storeIncarnation;
  if (entry.beingDetached || storeIncarnation === undefined) return ok({});
  const use = await ports.users.on({ nodeName: entry.node.nodeName, volumeId: diskUri }, signal);
  return hasNoContainer(use)
    ? recordListed(ports, { volume, diskUri, attachedVm: entry, storeIncarnation, isNew }, signal)
    : ok({});
}

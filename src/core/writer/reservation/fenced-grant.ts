import type { AzVolume } from "../../api/az-volume.ts";
import {
  identityOf,
  isSameNode,
  isSameVmId,
  type NodeIdentity,
  type NodeKey,
} from "../../api/identity/node-identity.ts";
import { nodesIn } from "../record/record-nodes.ts";
import { isInQuarantine } from "../record/writer-steps.ts";
import { grantKey, type ReservationKey } from "./reservation-key.ts";

/** The grant of a node that holds a volume and is being fenced. */
export interface FencedGrant {
  readonly node: NodeIdentity;
  readonly epoch: number;
  /** Under which that node has reserved the disk, if it has. */
  readonly key: ReservationKey;
}

/** The grant whose holder is being fenced; undefined: there is none. */
export function fencedGrant(volume: AzVolume | undefined): FencedGrant | undefined {
  const record = volume?.status?.record;
  const writer = record?.writer;
  if (volume === undefined || record?.fencing === undefined || writer?.held !== true) return undefined;
  if (!isSameNode(record.fencing, writer)) return undefined;
  const { storeIncarnation } = record;
  const key = grantKey({ volumeUid: volume.metadata.uid, storeIncarnation, writer });
  return { node: identityOf(writer), epoch: writer.epoch, key };
}

/**
 * Whether `node` may take the reservation of the fenced grant with that key. The holder of a reservation can
 * write: one that may have a dead mount or an old mount command, under whatever name, must not become it. Nor
 * may the VM that is being fenced.
 */
export function mayPreempt(volume: AzVolume, node: NodeKey, victim: ReservationKey): boolean {
  const grant = fencedGrant(volume);
  const record = volume.status?.record;
  if (record === undefined || grant?.key !== victim || isSameVmId(grant.node.vmId, node.vmId)) return false;
  const barring = nodesIn(record, "quarantined", "unverified", "barrierPending");
  return !isInQuarantine(record, node) && !barring.some(({ vmId }) => isSameVmId(vmId, node.vmId));
}

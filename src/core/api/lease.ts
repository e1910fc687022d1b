import type { z } from "zod";
import { type EtagWrite, etagWrites } from "../azure/etag-write.ts";
import type { DeepReadonly } from "./deep-readonly.ts";
import type { leaseSchema } from "./schema/lease.schema.ts";

/** See `leaseSchema`: the one place that describes this resource. */
export type Lease = DeepReadonly<z.infer<typeof leaseSchema>>;

/** The Lease that the leading controller holds. */
export const CONTROLLER_LEASE = "disk-csi-azure-com-controller";

/** Raised by the leader with every renewal. Less than is remembered: the store was rolled back. */
export const COUNTER_ANNOTATION = "disk.csi.azure.com/counter";

/** Raised once every record has been rebuilt after a rollback. */
export const STORE_INCARNATION_ANNOTATION = "disk.csi.azure.com/store-incarnation";

/**
 * The coming incarnation, set while records are being rebuilt. Until then no component grants, acquires,
 * reclaims, attaches or fences.
 */
export const REBUILD_ANNOTATION = "disk.csi.azure.com/rebuild";

/**
 * The store incarnation for which every node's VM has been read: a rolled-back store may have lost the
 * attachment of an entry that a failed attach has left in a VM's list.
 */
export const VMS_READ_ANNOTATION = "disk.csi.azure.com/vms-read";

/**
 * The kind of write that moves a VM's ETag in this cloud, where the smallest kind was seen not to.
 * Without the annotation the controllers learn it again.
 */
export const ETAG_WRITE_ANNOTATION = "disk.csi.azure.com/etag-write";

/** How much later than after its interval a node may send heartbeats, in ms: the more nodes, the later. */
export const HEARTBEAT_DELAY_ANNOTATION = "disk.csi.azure.com/heartbeat-delay-ms";

/** A whole number in an annotation; zero where there is none. */
export function annotatedNumber(lease: Lease, annotation: string): number {
  const value = Number(lease.metadata.annotations?.[annotation] ?? "0");
  return Number.isInteger(value) && value >= 0 ? value : 0;
}

/** The store incarnation; zero before any rollback, and without a Lease. */
export function storeIncarnationOf(lease: Lease | undefined): number {
  return lease === undefined ? 0 : annotatedNumber(lease, STORE_INCARNATION_ANNOTATION);
}

/** The next store incarnation, while records are being rebuilt; zero otherwise. */
export function rebuildMarkOf(lease: Lease | undefined): number {
  return lease === undefined ? 0 : annotatedNumber(lease, REBUILD_ANNOTATION);
}

/** What the Lease says of writes that move a VM's ETag. Default: the smallest kind. */
export function etagWriteOf(lease: Lease): EtagWrite {
  const value = lease.metadata.annotations?.[ETAG_WRITE_ANNOTATION];
  return etagWrites.find((write) => write === value) ?? "empty";
}

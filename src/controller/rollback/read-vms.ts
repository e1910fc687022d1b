import type { ReportedNode } from "../../core/api/az-driver-node.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { misplacedAttachments, unnamedEntries } from "../../core/rollback/compare-vm.ts";
import { incarnationToReadFor, vmsReadMark } from "../../core/rollback/rebuild-mark.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { markDeviceMissing } from "../../objects/mark-device-missing.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import { findAttachedVms } from "../adoption/find-attached-vms.ts";
import { recordFailedAttach } from "../adoption/record-failed-attach.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { tryEach } from "../try-each.ts";
import { annotateLease } from "./annotate-lease.ts";

/**
 * How often a VM is read, in milliseconds: 1,000 VMs take 17 minutes, and 60 of the 1,500 reads that Azure
 * allows in a minute.
 */
const READ_EVERY_MS = 1_000;

/** The lane of the VMs' reads: no pod waits for them. */
const LANE: Lane = "prune";

/**
 * Once after a rollback the leader reads the VM of every node, one a second. The rebuild asks the disks,
 * and a disk names no VM on which its attach has failed. Where the VM lists the disk nevertheless and the
 * object of that attach was lost with the store, the entry would fail the attaches of all other disks. It
 * gets an attachment as a replica: the entry goes when that is deleted, or its disk is attached. An
 * attachment that names another LUN than its VM, since its rebuild was interrupted, is marked, so that the
 * loop of attachments corrects it. A pass that repeats another one reads only what that could not read. After
 * a crash the next leader reads all VMs again.
 */
export function readVmsReconciler(ports: AdoptionPorts): Reconciler {
  let last: ReadNodes = { incarnation: 0, names: new Set() };
  const readFor = (incarnation: number): Set<string> => {
    if (last.incarnation !== incarnation) last = { incarnation, names: new Set() };
    return last.names;
  };
  return {
    name: "read-vms",
    workers: 1,
    backoff: { baseMs: 30_000, maxMs: 600_000 },
    reconcile: (_key, signal) => readVmsIfDue(ports, readFor, signal),
  };
}

/** The nodes whose VMs need no reading any more for a store incarnation. */
interface ReadNodes {
  readonly incarnation: number;
  readonly names: Set<string>;
}

async function readVmsIfDue(
  ports: AdoptionPorts,
  readFor: (incarnation: number) => Set<string>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const lease = await ports.store.get("Lease", CONTROLLER_LEASE, signal);
  if (!lease.ok) return ignoreNotFound(lease);
  const incarnation = incarnationToReadFor(lease.value);
  if (incarnation === undefined) return ok({});
  let failed: Failure | undefined;
  const done = readFor(incarnation);
  const failing = new Set<string>();
  // Listed again after each: a backup may lack a node, or the VM that it reports, until its next heartbeat.
  const nextNode = (): ReportedNode | undefined =>
    ports.cache
      .list("AzDriverNode")
      .filter((node): node is ReportedNode => node.status !== undefined)
      .find(({ metadata: { name } }) => !done.has(name) && !failing.has(name));
  for (let node = nextNode(); node !== undefined; node = nextNode()) {
    if (!isStillDue(ports, incarnation)) return ok({});
    const read = await readVmOf(ports, node, incarnation, signal);
    // What no repetition changes must not be read again and again.
    const isDone = read.ok || !isRetryable(read.failure);
    (isDone ? done : failing).add(node.metadata.name);
    if (!read.ok) {
      if (signal.aborted || read.failure.kind === "Cancelled") return read;
      ports.logger.warn("a VM was not read after a rollback", {
        nodeName: node.spec.nodeName,
        failure: read.failure,
      });
      if (!isDone) failed ??= read.failure;
    }
    await ports.clock.sleep(READ_EVERY_MS, signal);
  }
  if (failed !== undefined) return fail(failed);
  const marked = await annotateLease(ports, (present) => vmsReadMark(present, incarnation), signal);
  return marked.ok ? ok({}) : marked;
}

/** A store that was restored again is read for again, once its records are rebuilt. */
function isStillDue({ cache }: AdoptionPorts, incarnation: number): boolean {
  const lease = cache.get("Lease", CONTROLLER_LEASE);
  return lease === undefined || incarnationToReadFor(lease) === incarnation;
}

async function readVmOf(
  ports: AdoptionPorts,
  { spec: { nodeName }, status: { instanceUri } }: ReportedNode,
  incarnation: number,
  signal: AbortSignal,
): Promise<Reconciled> {
  // As they were before the VM is read: what is attached in between is newer than its answer.
  const before = ports.cache.byIndex("AzVolumeAttachment", "nodeName", nodeName);
  const vm = await ports.cloud.inspectInstance({ nodeName, instanceUri, lane: LANE }, signal);
  if (!vm.ok) return vm.failure.kind === "InstanceNotFound" ? ok({}) : vm;
  // The first failure that a later pass may not meet: another one must not end the reads before it.
  let retryable: Failure | undefined;
  const marked = await tryEach(
    misplacedAttachments(before, vm.value),
    {
      attempt: async (attachment) => {
        const { volumeName } = attachment.spec;
        ports.logger.warn("disk is not where a restored attachment has it", { volumeName, nodeName });
        return ignoreNotFound(await markDeviceMissing(ports, attachment, signal));
      },
      onFailure: ({ spec: { volumeName } }, failure) => {
        ports.logger.warn("a wrong place of a disk was not corrected", { volumeName, nodeName, failure });
        if (isRetryable(failure)) retryable ??= failure;
      },
      logger: ports.logger,
      atOnce: 1,
    },
    signal,
  );
  const { found, rebuilding } = unnamedEntries(vm.value.dataDisks, {
    volumesOf: (key) => ports.cache.byIndex("AzVolume", "diskUri", key),
    attachments: ports.cache.byIndex("AzVolumeAttachment", "nodeName", nodeName),
    incarnation,
  });
  const recorded = await tryEach(
    found,
    {
      attempt: (volume) => recordUnnamed(ports, volume, { nodeName, instanceUri }, signal),
      onFailure: ({ metadata: { name: volumeName } }, failure) => {
        ports.logger.warn("a disk in a VM's list was not recorded", { volumeName, nodeName, failure });
        if (isRetryable(failure)) retryable ??= failure;
      },
      logger: ports.logger,
      atOnce: 1,
    },
    signal,
  );
  const volumeId = rebuilding[0]?.status?.detail?.diskUri;
  if (volumeId !== undefined)
    return fail({ kind: "StillWaiting", volumeId, what: "its record to be rebuilt" });
  const failed = retryable ?? marked.failed ?? recorded.failed;
  return failed === undefined ? ok({}) : fail(failed);
}

/** Past the cache, and by the VM as it is after the disk: an attach may have succeeded in between. */
async function recordUnnamed(
  ports: AdoptionPorts,
  volume: AzVolume,
  { nodeName, instanceUri }: { readonly nodeName: string; readonly instanceUri: string },
  signal: AbortSignal,
): Promise<Reconciled> {
  const diskUri = volume.status?.detail?.diskUri;
  if (diskUri === undefined) return ok({});
  const volumeName = volume.metadata.name;
  const present = await readAttachment(ports.store, { volumeName, diskUri, nodeName }, signal);
  if (present.ok || present.failure.kind !== "ObjectNotFound") return present.ok ? ok({}) : present;
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? ok({}) : disk;
  // Recovery makes the attachments of disks that name their VM.
  if (disk.value.attachedTo.some((uri) => isSameResourceUri(uri, instanceUri))) return ok({});
  const attachedVms = await findAttachedVms(
    ports,
    { ...disk.value, attachedTo: [instanceUri] },
    LANE,
    signal,
  );
  if (!attachedVms.ok) return attachedVms;
  const entry = attachedVms.value.find(({ node, lun }) => node.nodeName === nodeName && lun !== undefined);
  if (entry === undefined) return ok({});
  ports.logger.warn("a failed attach has left a disk in a VM's list", {
    volumeName,
    nodeName,
    lun: entry.lun,
  });
  return recordFailedAttach(ports, volume, { diskUri, entry, isNew: true }, signal);
}

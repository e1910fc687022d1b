import type { SimulatedCommit, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { WriterRecord } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { isSameResourceUri, resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { nodesIn } from "../../src/core/writer/record/record-nodes.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import { objectsIn } from "../history/objects-in.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import { OUTSIDER, type VmChanges } from "../history/vm-changes.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";
import { diskName } from "./watch-writers.ts";

/**
 * No healthy writer is ever fenced. A disk is taken from a machine that has it mounted, by a detach or by a
 * reservation of another machine, only in one of these cases:
 * - No pod that the API server knows has it there, running or published and about to start, and the node does
 *   not hold the volume either: since it acquired it, a fence was declared, or the record lost or restored.
 *   A volume without a record, of which nodes alone say whether they use it, stays until they unmount it.
 * - The node is out of service, or the machine is off. A volume without a record has no fence: its node was
 *   out of service when the driver last changed the VM, or first asked Azure for that detach, which Azure
 *   carries out with any later change of the VM; and a person, or a restored backup, has removed the mark.
 * - Another client did it: it changed that VM last, or it requested the detach of that very disk, which
 *   failed; the next change of the VM carries that out. No client has forced it.
 * The driver carries out such a detach only if the node neither holds the volume, nor is unverified, nor
 * may have had it before the record was rebuilt, or was out of service when the driver sent its change: a
 * fence of another volume on that node is no reason. A fence that was declared while the node was out of
 * service continues to its end: only proof ends it, whatever is reported of the node in the meantime.
 */
export function watchCutOffs(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent">;
  readonly vmChanges: VmChanges;
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly cluster: Pick<SimCluster, "usersOn" | "diskUriOf">;
  readonly outside: Pick<OutsideEvents, "wasOutOfService">;
  /** Whether nodes alone say how long they use the disk: several share it, and attach by themselves. */
  readonly isNodesOwn?: (diskUri: string) => boolean;
  /** Converts a time on Azure's clock into milliseconds since the run began. */
  readonly elapsedMsAt: (atMs: number) => number;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const { cluster, outside, vmChanges, isNodesOwn = (): boolean => false } = world;
  /** The `vmId` by disk of VMs that are being fenced since their nodes were out of service. */
  const doomed = new Map<string, string>();
  /** The record of each disk's volume. */
  const records = new Map<string, WriterRecord>();
  /** The `vmId` by disk of VMs whose nodes have acquired the volume, as long as that grant stands. */
  const holders = new Map<string, string>();

  /**
   * Whether the driver's last change of the VM must not carry out another client's detach there: the VM
   * may use the volume, and was in service when the change was sent.
   */
  const isSpared = (machine: SimMachine, diskUri: string): boolean => {
    const record = records.get(resourceUriKey(diskUri));
    return record !== undefined && mayUse(record, machine.vmGuid) && !wasLost(machine);
  };

  /** Whether the node was out of service when the driver sent its last change of the VM. */
  const wasLost = ({ nodeName, instanceUri }: SimMachine): boolean => {
    const sentAtMs = vmChanges.lastAtMs(instanceUri);
    return sentAtMs !== undefined && outside.wasOutOfService(nodeName, world.elapsedMsAt(sentAtMs));
  };

  /** Whether the node was out of service when the driver first asked for that detach. */
  const wasLostWhenAsked = ({ nodeName, instanceUri }: SimMachine, diskUri: string): boolean => {
    const askedAtMs = vmChanges.driverDetachAtMs(instanceUri, diskUri);
    return askedAtMs !== undefined && outside.wasOutOfService(nodeName, world.elapsedMsAt(askedAtMs));
  };

  world.store.onCommit((commit) => {
    noteRecord(commit, records);
    noteHolder(commit, holders);
    const change = fenceIn(commit);
    if (change === undefined) return;
    const { before, after, isReplaced, writer } = change;
    const key = resourceUriKey(change.diskUri);
    if (after !== undefined && after.vmId !== before?.vmId && outside.wasOutOfService(after.nodeName))
      doomed.set(key, after.vmId);
    // If the record itself was lost, a sent update may still land, until the VM writes by another record.
    else if (after === undefined && (before === undefined ? writer?.vmId === doomed.get(key) : !isReplaced))
      doomed.delete(key);
  });

  world.azure.onDiskEvent((event) => {
    const { diskUri, machine } = event;
    const { instanceUri } = machine;
    if (event.kind === "wrote" || event.kind === "unmounted") return;
    if (event.kind === "refused") return judge(event, "a reservation of another machine");
    const by = vmChanges.lastBy(instanceUri);
    const isOthersDoing =
      by === OUTSIDER || (vmChanges.isDetachRequested(instanceUri, diskUri) && !isSpared(machine, diskUri));
    const wasLostThen = wasLost(machine) || wasLostWhenAsked(machine, diskUri);
    // Earlier requests were about the disk as it was attached then.
    vmChanges.forget(instanceUri, diskUri);
    if (event.kind !== "detached") return;
    if (!isOthersDoing) judge(event, by ?? "an unknown caller", wasLostThen);
  });

  function judge(
    {
      diskUri,
      machine,
      hadWritableMount,
    }: { readonly diskUri: string; readonly machine: SimMachine; readonly hadWritableMount: boolean },
    by: string,
    wasLostThen = false,
  ): void {
    const { nodeName } = machine;
    if (!hadWritableMount) return;
    if (
      machine.state() === "off" ||
      outside.wasOutOfService(nodeName) ||
      doomed.get(resourceUriKey(diskUri)) === machine.vmGuid ||
      (!records.has(resourceUriKey(diskUri)) && wasLostThen)
    )
      return;
    const users = cluster
      .usersOn(nodeName)
      .filter(
        ({ volumeName, isInApi }) =>
          isInApi && isSameResourceUri(cluster.diskUriOf(volumeName) ?? "", diskUri),
      );
    const isHeld = holders.get(resourceUriKey(diskUri)) === machine.vmGuid || isNodesOwn(diskUri);
    if (users.length === 0 && !isHeld) return;
    const use =
      users.length === 0
        ? "its node holds the volume"
        : `pod ${users.map(({ podUid }) => podUid).join(", ")} has it there`;
    world.report({
      invariant: "healthy-writer-cut-off",
      detail:
        `${diskName(diskUri)} was taken from ${nodeName} (${machine.state()}) by ` +
        `${by}, which is in service, while ${use}`,
    });
  }
}

/**
 * Tracks which VMs may write a disk. While there is no record, the last one counts: the pods of its users
 * continue.
 */
function noteRecord(commit: SimulatedCommit, records: Map<string, WriterRecord>): void {
  const { detail, record } = objectsIn(commit, "AzVolume").after?.status ?? {};
  if (detail !== undefined && record !== undefined) records.set(resourceUriKey(detail.diskUri), record);
}

/**
 * Tracks which VM holds each disk's volume since its own node acquired it. Whatever else changes the grant
 * ends that: a backup that is restored may say that a node holds what it has released.
 */
function noteHolder(commit: SimulatedCommit, holders: Map<string, string>): void {
  const { before, after } = objectsIn(commit, "AzVolume");
  const diskUri = after?.status?.detail?.diskUri ?? before?.status?.detail?.diskUri;
  if (diskUri === undefined) return;
  const key = resourceUriKey(diskUri);
  const [earlier, record] = [before?.status?.record, after?.status?.record];
  const writer = record?.writer;
  const isSameGrant =
    before?.metadata.uid === after?.metadata.uid &&
    record?.storeIncarnation === earlier?.storeIncarnation &&
    writer?.epoch === earlier?.writer?.epoch;
  if (writer?.held !== true || record?.fencing !== undefined || !isSameGrant) holders.delete(key);
  else if (earlier?.writer?.held === false && commit.by === writer.nodeName) holders.set(key, writer.vmId);
}

/**
 * Whether a VM holds the volume, or may have it: it is unverified; or an outdated list of the disk's VMs
 * left it out of the rebuilt record, and the node has not reported clean since.
 */
function mayUse(record: WriterRecord, vmGuid: string): boolean {
  const { writer, defaultAccess } = record;
  const has = (nodes: readonly NodeIdentity[]): boolean => nodes.some(({ vmId }) => vmId === vmGuid);
  if (writer?.vmId === vmGuid) return writer.held;
  return (
    has(nodesIn(record, "unverified")) || (defaultAccess === "quarantined" && !has(nodesIn(record, "clean")))
  );
}

interface FenceChange {
  readonly diskUri: string;
  /** The nodes that were, and are, being fenced. */
  readonly before: NodeIdentity | undefined;
  readonly after: NodeIdentity | undefined;
  /** The object, or its record, was replaced. */
  readonly isReplaced: boolean;
  /** The writer by the record. */
  readonly writer: NodeIdentity | undefined;
}

/** Which VM is being fenced from the disk, according to a commit of a volume's object. */
function fenceIn(commit: SimulatedCommit): FenceChange | undefined {
  const { before, after } = objectsIn(commit, "AzVolume");
  const diskUri = after?.status?.detail?.diskUri ?? before?.status?.detail?.diskUri;
  if (diskUri === undefined) return undefined;
  const isReplaced =
    before?.metadata.uid !== after?.metadata.uid ||
    before?.status?.record?.storeIncarnation !== after?.status?.record?.storeIncarnation;
  return {
    diskUri,
    before: before?.status?.record?.fencing,
    after: after?.status?.record?.fencing,
    isReplaced,
    writer: after?.status?.record?.writer,
  };
}

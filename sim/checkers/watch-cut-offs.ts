import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedCommit, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { AzVolume, WriterRecord } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/node-identity.ts";
import { isSameResourceUri, resourceUriKey } from "../../src/core/azure/disk-uri.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { OutsideEvents } from "../history/outside-events.ts";
import type { Violation } from "../history/violation.ts";
import { OUTSIDER, type VmChanges } from "../history/vm-changes.ts";
import type { SimCluster } from "../kubernetes/sim-cluster.ts";
import { diskName } from "./watch-writers.ts";

/**
 * No healthy writer with a user is ever cut off: a disk is taken from a machine that has it mounted only if
 * no pod that the API server knows has it there, running or published and about to start, or the node is
 * out of service, or the machine is off, or somebody else's hand did it: the last change of that VM was
 * theirs, or they asked for that very disk to be taken off, which the next change of the VM carries out
 * where theirs has failed, and nobody has forced it. The driver itself carries that out only where the node
 * neither holds the volume, nor is unverified, nor may have had it before the record was made again, or was
 * out of service as the driver sent its change: a fence of another volume on that node is no reason. A
 * fence that was declared while the node was out of service is carried to its end: only proof ends it,
 * whatever is said of the node meanwhile.
 */
export function watchCutOffs(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent">;
  readonly vmChanges: VmChanges;
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly cluster: Pick<SimCluster, "usersOn" | "diskUriOf">;
  readonly outside: Pick<OutsideEvents, "wasOutOfService">;
  /** The time since the run began, of a time on Azure's clock, in milliseconds. */
  readonly elapsedMsAt: (atMs: number) => number;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const { cluster, outside, vmChanges } = world;
  /** The `vmId` by disk of VMs that are being cut off since their nodes were out of service. */
  const doomed = new Map<string, string>();
  /** The record of each disk's volume. */
  const records = new Map<string, WriterRecord>();

  /**
   * Whether the driver's last change of the VM must not carry out what others asked for there: it may use the
   * volume, and was in service as that was sent.
   */
  const isSpared = ({ nodeName, instanceUri, vmGuid }: SimMachine, diskUri: string): boolean => {
    const sentAtMs = vmChanges.lastAtMs(instanceUri);
    const wasLost = sentAtMs !== undefined && outside.wasOutOfService(nodeName, world.elapsedMsAt(sentAtMs));
    const record = records.get(resourceUriKey(diskUri));
    return record !== undefined && mayUse(record, vmGuid) && !wasLost;
  };

  world.store.onCommit((commit) => {
    noteRecord(commit, records);
    const change = fenceIn(commit);
    if (change === undefined) return;
    const { before, after, isAnew, writer } = change;
    const key = resourceUriKey(change.diskUri);
    if (after !== undefined && after.vmId !== before?.vmId && outside.wasOutOfService(after.nodeName))
      doomed.set(key, after.vmId);
    // Where the record itself was lost, what had been sent may still land: until the VM writes by another
    // one.
    else if (after === undefined && (before === undefined ? writer?.vmId === doomed.get(key) : !isAnew))
      doomed.delete(key);
  });

  world.azure.onDiskEvent((event) => {
    const { diskUri, machine } = event;
    const { nodeName, instanceUri } = machine;
    if (event.kind === "wrote" || event.kind === "unmounted") return;
    const by = vmChanges.lastBy(instanceUri);
    const isOthersDoing =
      by === OUTSIDER || (vmChanges.isAskedAway(instanceUri, diskUri) && !isSpared(machine, diskUri));
    // What they asked for before was about the disk as it was there then.
    vmChanges.forget(instanceUri, diskUri);
    if (event.kind !== "detached") return;
    if (!event.hadWritableMount || isOthersDoing) return;
    if (
      machine.state() === "off" ||
      outside.wasOutOfService(nodeName) ||
      doomed.get(resourceUriKey(diskUri)) === machine.vmGuid
    )
      return;
    const users = cluster
      .usersOn(nodeName)
      .filter(
        ({ volumeName, isInApi }) =>
          isInApi && isSameResourceUri(cluster.diskUriOf(volumeName) ?? "", diskUri),
      );
    if (users.length === 0) return;
    world.report({
      invariant: "healthy-writer-cut-off",
      detail: `${diskName(diskUri)} was taken from ${nodeName} (${machine.state()}) by ${by ?? "nobody"}, which is in service, while pod ${users.map(({ podUid }) => podUid).join(", ")} has it there`,
    });
  });
}

/**
 * Keeps up with who may write a disk. While there is no record, the last one counts: the pods of its users
 * run on.
 */
function noteRecord(commit: SimulatedCommit, records: Map<string, WriterRecord>): void {
  if (commit.kind !== "AzVolume" || commit.after === undefined) return;
  const { status } = asKind<"AzVolume">(commit.after);
  if (status?.detail === undefined || status.record === undefined) return;
  records.set(resourceUriKey(status.detail.diskUri), status.record);
}

/**
 * Whether a VM holds the volume, or may have it: it is unverified; or the record was made again without it,
 * by a list of the disk's VMs that was behind, and the node has not shown since that it is clean.
 */
function mayUse({ writer, unverified, adopted, clean }: WriterRecord, vmGuid: string): boolean {
  const has = (nodes: readonly NodeIdentity[]): boolean => nodes.some(({ vmId }) => vmId === vmGuid);
  if (writer?.vmId === vmGuid) return writer.held;
  return has(unverified) || (adopted && !has(clean));
}

interface FenceChange {
  readonly diskUri: string;
  /** Who was, and is, being cut off. */
  readonly before: NodeIdentity | undefined;
  readonly after: NodeIdentity | undefined;
  /** The object, or its record, is another one than before. */
  readonly isAnew: boolean;
  /** Who writes by it. */
  readonly writer: NodeIdentity | undefined;
}

/** Which VM a commit of a volume's object says is being cut off from the disk. */
function fenceIn(commit: SimulatedCommit): FenceChange | undefined {
  if (commit.kind !== "AzVolume") return undefined;
  const [before, after] = [commit.before, commit.after].map((object) =>
    object === undefined ? undefined : asKind<"AzVolume">(object),
  );
  const diskUri = after?.status?.detail?.diskUri ?? before?.status?.detail?.diskUri;
  if (diskUri === undefined) return undefined;
  const isAnew =
    before?.metadata.uid !== after?.metadata.uid ||
    before?.status?.record?.storeIncarnation !== after?.status?.record?.storeIncarnation;
  return {
    diskUri,
    before: fencedIn(before),
    after: fencedIn(after),
    isAnew,
    writer: after?.status?.record?.writer,
  };
}

function fencedIn(volume: AzVolume | undefined): NodeIdentity | undefined {
  return volume?.status?.record?.fencing;
}

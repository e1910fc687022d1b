import { isDeepStrictEqual } from "node:util";
import type { SimulatedCommit, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { AzVolume, Writer, WriterRecord } from "../../src/core/api/az-volume.ts";
import { isForeign, type NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { isSameResourceUri, resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { nodesIn } from "../../src/core/writer/record/record-nodes.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import { objectsIn } from "../history/objects-in.ts";
import type { Violation } from "../history/violation.ts";

/** A write that reached a disk, with the content of the record at that moment. */
interface RecordedWrite {
  readonly nodeName: string;
  readonly vmGuid: string;
  readonly by: string;
  readonly writer: Writer | undefined;
}

/** The writer of a disk by its object. */
interface Granted {
  /** Of the object. */
  readonly uid: string;
  readonly record: WriterRecord | undefined;
  /**
   * How far the record can be trusted. `known`: only the writer that it names may write. `found`: it was
   * rebuilt after a loss, and names all nodes that may write; its unverified nodes may, until they reclaim
   * or are verified. `unknown`: there is none, or an older one was restored.
   */
  readonly trust: "known" | "found" | "unknown";
}

/** Writes of one disk in a report. */
const WRITES_SHOWN = 4;

/**
 * Never two writers: no write reaches a disk while another machine could complete one as well, or from a
 * machine that its record does not allow; and no node is granted or reclaims a volume while a machine that
 * is not its writer could still write. A machine can write while something on it has the disk mounted
 * writable, or raw, and the disk is attached: also a frozen one, since it continues later. The record
 * allows its writer. While a record that was rebuilt after a loss names unverified nodes, it allows those
 * as well, also those listed under their VM's resource id alone: they mounted by the lost one. Writes are
 * not judged by a record while there is none, or after a restored one until a node is granted the volume. A
 * restore is no commit: until the next one, a write is judged by the record before it, and the last writer,
 * to which the restored one gives its grant back, is allowed as well.
 */
export function watchWriters(
  world: {
    readonly azure: Pick<SimAzure, "onDiskEvent">;
    readonly store: Pick<SimulatedStore, "onCommit" | "objects">;
    readonly report: (violation: Omit<Violation, "atMs">) => void;
  },
  /**
   * Whether users share the disk between nodes: these write it at once. It stays so, also once they have
   * deleted it: what has it open may outlive their pods.
   */
  isShared: (diskUri: string) => boolean = () => false,
): void {
  const machinesOf = new Map<string, Set<SimMachine>>();
  const grantedOf = new Map<string, Granted>();
  const writesOf = new Map<string, RecordedWrite[]>();
  const sharedDisks = new Set<string>();

  const othersThatCanWrite = (
    diskUri: string,
    isMe: (machine: SimMachine) => boolean,
  ): readonly SimMachine[] =>
    [...(machinesOf.get(resourceUriKey(diskUri)) ?? [])].filter(
      (machine) => !isMe(machine) && machine.state() !== "off" && machine.kernel.canWrite(diskUri),
    );

  world.azure.onDiskEvent((event) => {
    const key = resourceUriKey(event.diskUri);
    const machines = machinesOf.get(key) ?? new Set();
    machinesOf.set(key, machines.add(event.machine));
    if (event.kind !== "wrote") return;
    if (!sharedDisks.has(key) && isShared(event.diskUri)) sharedDisks.add(key);
    const writes = writesOf.get(key) ?? [];
    writesOf.set(key, writes);
    writes.push({
      nodeName: event.machine.nodeName,
      vmGuid: event.machine.vmGuid,
      by: event.by,
      writer: grantedOf.get(key)?.record?.writer,
    });
    if (writes.length > WRITES_SHOWN) writes.shift();
    const granted = grantedOf.get(key);
    const shown = (): AzVolume | undefined =>
      world.store
        .objects("AzVolume")
        .find(({ status }) => isSameResourceUri(status?.detail?.diskUri ?? "", event.diskUri));
    if (
      granted !== undefined &&
      !mayWrite(event.machine, granted) &&
      !hasLastGrantAgain(event.machine, granted, shown())
    ) {
      world.report({
        invariant: "two-writers",
        detail:
          `${event.machine.nodeName} wrote to ${diskName(event.diskUri)} (${event.by}), whose writer is ` +
          `${describedWriters(granted)}; last writes: ${writes.map(described).join(", ")}`,
      });
    }
    const others = othersThatCanWrite(event.diskUri, (machine) => machine === event.machine);
    if (others.length === 0 || sharedDisks.has(key)) return;
    world.report({
      invariant: "two-writers",
      detail:
        `${event.machine.nodeName} wrote to ${diskName(event.diskUri)} (${event.by}) while ` +
        `${listed(others)} could write to it as well; last writes: ${writes.map(described).join(", ")}`,
    });
  });

  world.store.onCommit((commit) => {
    const change = recordChangeIn(commit);
    if (change === undefined) return;
    const { diskUri, uid, before, after } = change;
    const key = resourceUriKey(diskUri);
    grantedOf.set(key, { uid, record: after, trust: trustAfter(change, grantedOf.get(key)) });
    const writer = after?.writer;
    if (writer === undefined || isSameWriter(writer, before?.writer)) return;
    const others = othersThatCanWrite(diskUri, (machine) => isWriter(machine, writer));
    if (others.length === 0) return;
    world.report({
      invariant: "two-writers",
      detail:
        `${commit.by} made ${writer.nodeName} the writer of ${diskName(diskUri)} (epoch ${writer.epoch}) ` +
        `while ${listed(others)} could still write to it`,
    });
  });
}

/** The record of a disk before and after a commit. */
interface RecordChange {
  readonly diskUri: string;
  /** Of the object after the commit. */
  readonly uid: string;
  readonly before: WriterRecord | undefined;
  readonly after: WriterRecord | undefined;
  /** The object was replaced. */
  readonly isOther: boolean;
}

function recordChangeIn(commit: SimulatedCommit): RecordChange | undefined {
  const { before, after } = objectsIn(commit, "AzVolume");
  const diskUri = after?.status?.detail?.diskUri;
  if (after === undefined || diskUri === undefined) return undefined;
  return {
    diskUri,
    uid: after.metadata.uid,
    before: before?.status?.record,
    after: after.status?.record,
    isOther: before?.metadata.uid !== after.metadata.uid,
  };
}

function trustAfter({ before, after, isOther }: RecordChange, known: Granted | undefined): Granted["trust"] {
  if (after === undefined) return "unknown";
  const isMadeAgain = isOther || before === undefined || before.storeIncarnation !== after.storeIncarnation;
  // The record of a new disk, which no node has ever had, is no loss.
  if (isMadeAgain)
    return after.defaultAccess === "quarantined" ? "found" : known === undefined ? "known" : "unknown";
  const isNamed = after.writer !== undefined && !isSameWriter(after.writer, before.writer);
  if (isNamed && nodesIn(after, "unverified").length === 0) return "known";
  // If the previous record was never written, a backup was restored.
  return known !== undefined && isDeepStrictEqual(known.record, before) ? known.trust : "unknown";
}

function mayWrite(machine: SimMachine, { record, trust }: Granted): boolean {
  if (record === undefined || trust === "unknown" || isWriter(machine, record.writer)) return true;
  return (
    trust === "found" && nodesIn(record, "unverified").some((node) => isUnverifiedEntryOf(machine, node))
  );
}

/**
 * Whether the store shows a restored record by which the machine has the last grant of all, which had ended
 * since: no other machine was granted the volume after it.
 */
function hasLastGrantAgain(
  machine: SimMachine,
  { uid, record, trust }: Granted,
  shown: AzVolume | undefined,
): boolean {
  const restored = shown?.status?.record;
  return (
    trust === "known" &&
    record?.writer === undefined &&
    shown?.metadata.uid === uid &&
    restored?.storeIncarnation === record?.storeIncarnation &&
    restored?.writer?.epoch === record?.epoch &&
    isWriter(machine, restored?.writer)
  );
}

/**
 * Whether an unverified entry is that of a machine. A VM is listed under its resource id alone where no
 * object says which node it is, such as a new VM at the resource id by which a backup knows an earlier
 * one. Its vmId may be unknown then, and whichever VM is there is meant.
 */
function isUnverifiedEntryOf(machine: SimMachine, node: NodeIdentity): boolean {
  if (!isForeign(node)) return isWriter(machine, node);
  const { vmId, instanceUri } = node;
  return isSameResourceUri(instanceUri, machine.instanceUri) && [instanceUri, machine.vmGuid].includes(vmId);
}

function describedWriters({ record }: Granted): string {
  const unverified = nodesIn(record, "unverified").map(({ nodeName }) => nodeName);
  return `${record?.writer?.nodeName ?? "none"}${unverified.length === 0 ? "" : `, unverified ${unverified.join(", ")}`}`;
}

function isSameWriter(left: Writer | undefined, right: Writer | undefined): boolean {
  return left?.epoch === right?.epoch && left?.nodeName === right?.nodeName && left?.vmId === right?.vmId;
}

/** An entry keeps the name that the VM's kubelet had, until a controller has given it the present one. */
function isWriter(machine: SimMachine, writer: NodeIdentity | undefined): boolean {
  return writer !== undefined && machine.isOrWas(writer.nodeName) && machine.vmGuid === writer.vmId;
}

function described({ nodeName, by, writer }: RecordedWrite): string {
  return (
    `${by} by ${nodeName} in epoch ` +
    `${writer === undefined ? "none" : `${writer.epoch} of ${writer.nodeName}`}`
  );
}

function listed(machines: readonly SimMachine[]): string {
  return machines.map((machine) => `${machine.nodeName} (${machine.state()})`).join(", ");
}

/** The last part of a disk's URI. */
export function diskName(diskUri: string): string {
  return diskUri.slice(diskUri.lastIndexOf("/") + 1);
}

import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedCommit, SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { AzVolume, Writer } from "../../src/core/model/az-volume.ts";
import { resourceUriKey } from "../../src/core/model/disk-uri.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { Violation } from "../history/violation.ts";

/** A write that reached a disk, with what the record said at that moment. */
interface RecordedWrite {
  readonly nodeName: string;
  readonly vmGuid: string;
  readonly by: string;
  readonly writer: Writer | undefined;
}

/** What the object of a disk says of its writer. */
interface Granted {
  readonly writer: Writer | undefined;
  /** Whether it may be taken at its word: not one that was made anew, put back from a backup, or found in use, before it has named a writer again. */
  readonly isProven: boolean;
}

/** Writes of one disk that a report shows. */
const WRITES_SHOWN = 4;

/**
 * Never two writers: no write reaches a disk while another machine could complete one as well, or from a machine that is not the writer that the record names; and nobody is granted or claims a
 * volume while a machine that is not its writer still could write. A machine can write while something on it has the disk mounted writable, or raw, and the disk is attached: a frozen one too, since it goes on.
 */
export function watchWriters(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent">;
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): void {
  const machinesOf = new Map<string, Set<SimMachine>>();
  const grantedOf = new Map<string, Granted>();
  const writesOf = new Map<string, RecordedWrite[]>();

  const othersThatCanWrite = (diskUri: string, isMe: (machine: SimMachine) => boolean): readonly SimMachine[] =>
    [...(machinesOf.get(resourceUriKey(diskUri)) ?? [])].filter((machine) => !isMe(machine) && machine.state() !== "off" && machine.kernel.canWrite(diskUri));

  world.azure.onDiskEvent((event) => {
    const key = resourceUriKey(event.diskUri);
    const machines = machinesOf.get(key) ?? new Set();
    machinesOf.set(key, machines.add(event.machine));
    if (event.kind !== "wrote") return;
    const writes = writesOf.get(key) ?? [];
    writesOf.set(key, writes);
    writes.push({ nodeName: event.machine.nodeName, vmGuid: event.machine.vmGuid, by: event.by, writer: grantedOf.get(key)?.writer });
    if (writes.length > WRITES_SHOWN) writes.shift();
    const granted = grantedOf.get(key);
    if (granted?.isProven === true && !isWriter(event.machine, granted.writer)) {
      world.report({
        invariant: "two-writers",
        detail: `${event.machine.nodeName} wrote to ${diskName(event.diskUri)} (${event.by}), whose writer is ${granted.writer?.nodeName ?? "nobody"}; last writes: ${writes.map(described).join(", ")}`,
      });
    }
    const others = othersThatCanWrite(event.diskUri, (machine) => machine === event.machine);
    if (others.length === 0) return;
    world.report({
      invariant: "two-writers",
      detail: `${event.machine.nodeName} wrote to ${diskName(event.diskUri)} (${event.by}) while ${listed(others)} could write to it as well; last writes: ${writes.map(described).join(", ")}`,
    });
  });

  world.store.onCommit((commit) => {
    const granted = grantIn(commit);
    if (granted === undefined) return;
    const { diskUri, writer, before, isAnew, isFound } = granted;
    const key = resourceUriKey(diskUri);
    const isNew = !isSameWriter(writer, before);
    const known = grantedOf.get(key);
    // Where it was another one before this than was ever written, a backup has been put back.
    const wasProven = known?.isProven === true && !isAnew && isSameWriter(known.writer, before);
    grantedOf.set(key, { writer, isProven: (wasProven && !isFound) || (isNew && writer !== undefined) });
    if (!isNew || writer === undefined) return;
    const others = othersThatCanWrite(diskUri, (machine) => isWriter(machine, writer));
    if (others.length === 0) return;
    world.report({
      invariant: "two-writers",
      detail: `${commit.by} made ${writer.nodeName} the writer of ${diskName(diskUri)} (epoch ${writer.epoch}) while ${listed(others)} could still write to it`,
    });
  });
}

/** What a commit says of the writer of a disk, and what it was before. */
interface GrantCommit {
  readonly diskUri: string;
  readonly writer: Writer | undefined;
  readonly before: Writer | undefined;
  /** The object is another one than before. */
  readonly isAnew: boolean;
  /** Nodes may write that the record does not name as writer: they have not shown yet what they do. */
  readonly isFound: boolean;
}

function grantIn(commit: SimulatedCommit): GrantCommit | undefined {
  if (commit.kind !== "AzVolume" || commit.after === undefined) return undefined;
  const after = asKind<"AzVolume">(commit.after);
  const diskUri = after.status?.detail?.diskUri;
  if (diskUri === undefined) return undefined;
  const before = commit.before === undefined ? undefined : asKind<"AzVolume">(commit.before);
  const record = after.status?.record;
  return {
    diskUri,
    writer: writerOf(after),
    before: before === undefined ? undefined : writerOf(before),
    isAnew: before?.metadata.uid !== after.metadata.uid,
    isFound: record?.foundInUse === true || (record?.unproven ?? []).length > 0,
  };
}

function isSameWriter(left: Writer | undefined, right: Writer | undefined): boolean {
  return left?.epoch === right?.epoch && left?.nodeName === right?.nodeName && left?.vmId === right?.vmId;
}

function isWriter(machine: SimMachine, writer: Writer | undefined): boolean {
  return machine.nodeName === writer?.nodeName && machine.vmGuid === writer.vmId;
}

function writerOf(volume: AzVolume): Writer | undefined {
  return volume.status?.record?.writer;
}

function described({ nodeName, by, writer }: RecordedWrite): string {
  return `${by} by ${nodeName} in epoch ${writer === undefined ? "none" : `${writer.epoch} of ${writer.nodeName}`}`;
}

function listed(machines: readonly SimMachine[]): string {
  return machines.map((machine) => `${machine.nodeName} (${machine.state()})`).join(", ");
}

/** The last part of a disk's URI. */
export function diskName(diskUri: string): string {
  return diskUri.slice(diskUri.lastIndexOf("/") + 1);
}

import type { WriterRecord } from "../../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { identity } from "../../../src/core/testing/objects.ts";
import { isNamed, nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import {
  acquire,
  beginFence,
  clearMark,
  distrust,
  endFence,
  foundRecord,
  grant,
  identifyByName,
  mayAttach,
  mayDetach,
  newRecord,
  proveClean,
  reclaim,
  release,
  revoke,
  type Step,
  withdraw,
} from "../../../src/core/writer/record/writer-steps.ts";
import type { StateSpace } from "../state-space/explore.ts";

/**
 * The rules that keep a VM from harm, and from doing harm, while its node has another name than the record's
 * entry. Each can be left out, to show what goes wrong then.
 */
export const renamedVmRules = ["attaches", "grants", "detaches", "reclaims", "fences", "entries"] as const;

/** One rule for a VM whose node has another name by now. */
export type RenamedVmRule = (typeof renamedVmRules)[number];

const other = identity("node-a");
/** One VM, by its earlier name and by its present one. */
const earlier = identity("node-b");
const present: NodeIdentity = { ...earlier, nodeName: "node-z" };
/** Grants beyond it are left out: they begin nothing new. */
const EPOCH_MAX = 2;

interface World {
  readonly record: WriterRecord;
  /** Whether the VM's kubelet has registered under its present name. */
  readonly isRenamed: boolean;
  readonly isAttached: boolean;
  /** Of the VM. `dead`: a fence has taken the disk from it, and old mount commands may be left. */
  readonly mount: "none" | "live" | "dead";
  readonly isOtherMounted: boolean;
  /** The record at the time when the disk was proven to be off the VM. */
  readonly proven: WriterRecord | null;
  readonly wrong: string | null;
}

interface Turn {
  readonly world: World;
  readonly without: ReadonlySet<RenamedVmRule>;
  readonly emit: (name: string, next: Partial<World>) => void;
  readonly step: (name: string, step: Step, next?: Partial<World>) => void;
}

/**
 * A VM that registers under another name at any moment, as a state space: one disk, and another node. The
 * VM's steps go by its name then; those of the controllers by either, since a plan may be old.
 */
export function renamedVm(without: ReadonlySet<RenamedVmRule>): StateSpace {
  const codes = new Map<string, number>();
  const worlds: World[] = [];
  const encode = (world: World): number => {
    const text = JSON.stringify(world);
    const known = codes.get(text);
    if (known !== undefined) return known;
    codes.set(text, worlds.length);
    return worlds.push(world) - 1;
  };
  const decode = (state: number): World => {
    const world = worlds[state];
    if (world === undefined) throw new Error(`${state} is no state`);
    return world;
  };
  return {
    starts: startWorlds().map(encode),
    steps: (state, emit) => {
      const world = decode(state);
      if (world.wrong !== null) return;
      const emitNext: Turn["emit"] = (name, next) => emit(encode({ ...world, ...next }), name);
      const step: Turn["step"] = (name, taken, next = {}) => {
        if (taken.ok) emitNext(name, { ...next, record: taken.value });
      };
      const turn: Turn = { world, without, emit: emitNext, step };
      if (!world.isRenamed) emitNext("registers under another name", { isRenamed: true });
      emitVmSteps(turn, world.isRenamed ? present : earlier);
      emitOtherSteps(turn);
      for (const node of world.isRenamed ? [earlier, present] : [earlier]) emitDiskSteps(turn, node);
      emitRecordSteps(turn);
    },
    fault: (state) => {
      const { wrong, mount, isOtherMounted } = decode(state);
      return wrong ?? (mount === "live" && isOtherMounted ? "two live writers" : undefined);
    },
  };
}

/** A new volume, and one whose record was lost while the VM used it, or had it as a replica. */
function startWorlds(): readonly World[] {
  const fresh = { isRenamed: false, isOtherMounted: false, proven: null, wrong: null } as const;
  const found = foundRecord({ unverified: [earlier], epoch: 0, storeIncarnation: 0 });
  return [
    { ...fresh, record: newRecord(0), isAttached: false, mount: "none" },
    { ...fresh, record: found, isAttached: true, mount: "none" },
    { ...fresh, record: found, isAttached: true, mount: "live" },
  ];
}

function emitVmSteps({ world, without, step }: Turn, node: NodeIdentity): void {
  const { record, mount, isAttached } = world;
  const { writer } = record;
  if (isAttached && mount !== "live") {
    const wrong = mount === "dead" ? "a VM that is not clean was granted the volume" : null;
    const acquired = acquire(record, node, { isClean: mount === "none", storeIncarnation: 0 });
    step("acquires and mounts", acquired, { mount: "live", wrong });
  }
  if (mount !== "dead" && writer !== undefined)
    step("releases", release(record, node, writer.epoch), { mount: "none" });
  if (mount === "live" && record.epoch < EPOCH_MAX) {
    const seen = without.has("reclaims") ? withFencingElsewhere(record) : record;
    const reclaimed = reclaim(seen, node, 0);
    const { fencing } = record;
    const value = reclaimed.ok && fencing !== undefined ? { ...reclaimed.value, fencing } : undefined;
    step("reclaims", value === undefined ? reclaimed : { ok: true, value });
  }
  if (mount === "live") return;
  for (const from of ["unverified", "quarantined"] as const)
    step("shows itself clean", proveClean(record, node, from), { mount: "none" });
}

function emitOtherSteps({ world, step }: Turn): void {
  const { record } = world;
  step("the other node acquires", acquire(record, other, { isClean: true, storeIncarnation: 0 }), {
    isOtherMounted: true,
  });
  if (record.writer !== undefined)
    step("the other node releases", release(record, other, record.writer.epoch), { isOtherMounted: false });
  if (!world.isOtherMounted)
    step("the other node shows itself clean", proveClean(record, other, "quarantined"));
}

/** Attaches and detaches, also those of a fence, and its proof. */
function emitDiskSteps({ world, without, emit }: Turn, node: NodeIdentity): void {
  const { record, mount, isAttached } = world;
  const [attaching, detaching] = [without.has("attaches"), without.has("detaches")];
  if (!isAttached && mayAttach(record, attaching ? elsewhere(node) : node))
    emit("attaches", {
      isAttached: true,
      wrong: mount === "dead" ? "a VM that is not clean got the disk" : null,
    });
  if (isAttached && mayDetach(record, detaching ? elsewhere(node) : node))
    emit("detaches", {
      isAttached: false,
      wrong: mount === "live" ? "a healthy writer lost its disk" : null,
    });
  if (record.fencing === undefined || !isNamed(record, node, "fencing")) return;
  if (isAttached) {
    const isAnothers = isNamed(record, node === earlier ? present : earlier, "holder");
    const wrong = isAnothers && mount === "live" ? "a healthy writer lost its disk" : null;
    emit("the fence detaches", { isAttached: false, mount: mount === "live" ? "dead" : mount, wrong });
  } else if (world.proven === null) {
    emit("proves the fence", { proven: record });
  }
}

function emitRecordSteps({ world, without, emit, step }: Turn): void {
  const { record, isRenamed, isAttached } = world;
  const names = isRenamed ? [earlier, present] : [earlier];
  if (record.epoch < EPOCH_MAX) {
    step("grants the other node", grant(record, other));
    for (const node of names) step(`grants ${node.nodeName}`, granted(record, node, without.has("grants")));
  }
  if (record.writer !== undefined) step("withdraws", withdraw(record, record.writer));
  step("revokes", revoke(record));
  step("begins a fence", begunFence(record, without.has("fences")));
  if (world.proven !== null) {
    step("ends the fence", endFence(record, earlier, world.proven), { proven: null });
    emit("forgets the proof", { proven: null });
  }
  for (const node of nodesIn(record, "barrierPending"))
    step("clears a mark", clearMark(record, node, "barrierPending"));
  if (!isRenamed) return;
  if (isAttached) step("finds the disk by the present name", distrust(record, present, "stray"));
  const { fencing, ...unfenced } = record;
  const known = without.has("entries") ? identifyByName(unfenced, earlier, present) : undefined;
  const value = known?.ok === true && fencing !== undefined ? { ...known.value, fencing } : undefined;
  step(
    "gives its entry the present name",
    value === undefined ? (known ?? identifyByName(record, earlier, present)) : { ok: true, value },
  );
}

/** The node at another resource id, so that no step sees that it is the same VM. */
function elsewhere(node: NodeIdentity): NodeIdentity {
  return { ...node, instanceUri: "/elsewhere" };
}

function withFencingElsewhere(record: WriterRecord): WriterRecord {
  const { fencing } = record;
  return fencing === undefined ? record : { ...record, fencing: { ...fencing, instanceUri: "/elsewhere" } };
}

function granted(record: WriterRecord, node: NodeIdentity, isBlind: boolean): Step {
  const step = grant(record, isBlind ? elsewhere(node) : node);
  if (!step.ok || step.value.writer === undefined) return step;
  return { ok: true, value: { ...step.value, writer: { ...step.value.writer, ...node } } };
}

/** Of the VM by its earlier name: a plan for that may be old. */
function begunFence(record: WriterRecord, isBlind: boolean): Step {
  const step = beginFence(record, isBlind ? elsewhere(earlier) : earlier, { distrusts: true });
  return step.ok ? { ok: true, value: { ...step.value, fencing: earlier } } : step;
}

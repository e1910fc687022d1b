import { ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import type { Kind } from "../../ports/store/object-store.ts";
import { createChangeSignal } from "../object-semantics/change-signal.ts";
import type { ChangeSignal } from "../object-semantics/change-signal.ts";
import { decideWrite } from "../object-semantics/decide-write.ts";
import type { Admission, WriteRequest } from "../object-semantics/decide-write.ts";
import type { LoggedChange } from "../object-semantics/select-event.ts";
import { kinds } from "../object-semantics/stored-object.ts";
import type { StoredObject } from "../object-semantics/stored-object.ts";

/** A change as the simulated store remembers it. */
export interface SimulatedChange extends LoggedChange {
  readonly version: number;
  /** When it happened, in elapsed milliseconds. */
  readonly atMs: number;
}

/** All objects of a simulated store at one moment. */
export type StoreSnapshot = ReadonlyMap<Kind, ReadonlyMap<string, StoredObject>>;

/** The objects of a simulated store: the truth that all its handles share. Objects are frozen. */
export interface SimulatedState {
  readonly version: () => number;
  readonly object: (kind: Kind, name: string) => StoredObject | undefined;
  /** All objects of a kind, sorted by name. */
  readonly objects: (kind: Kind) => readonly StoredObject[];
  /** The first change of a kind after `version`. */
  readonly changeAfter: (kind: Kind, version: number) => SimulatedChange | undefined;
  readonly canResumeFrom: (kind: Kind, version: number) => boolean;
  readonly changed: (kind: Kind) => ChangeSignal;
  readonly write: (
    request: WriteRequest,
    refusal?: Admission,
  ) => Result<{ readonly object: StoredObject; readonly change: SimulatedChange | undefined }>;
  readonly forgetHistory: () => void;
  readonly snapshot: () => StoreSnapshot;
  readonly restore: (snapshot: StoreSnapshot) => void;
}

/** An empty store that keeps the last `historyMax` changes of each kind. */
export function createSimulatedState(options: {
  readonly clock: Clock;
  readonly random: Random;
  readonly historyMax: number;
}): SimulatedState {
  const { clock, random, historyMax } = options;
  const objects = new Map<Kind, Map<string, StoredObject>>(kinds.map((kind) => [kind, new Map()]));
  /** The objects of the kinds that were listed since they last changed. */
  const listed = new Map<Kind, readonly StoredObject[]>();
  const changes = new Map<Kind, SimulatedChange[]>(kinds.map((kind) => [kind, []]));
  const horizons = new Map<Kind, number>();
  const signals = new Map<Kind, ChangeSignal>(kinds.map((kind) => [kind, createChangeSignal(clock)]));
  let version = 1;

  function log(kind: Kind, change: SimulatedChange): void {
    const logged = of(changes, kind);
    logged.push(change);
    const forgotten = logged.length > historyMax ? logged.shift() : undefined;
    if (forgotten !== undefined) horizons.set(kind, forgotten.version);
  }

  function forgetHistory(): void {
    // Not even a watch from the newest version may continue: the version moves.
    version++;
    for (const kind of kinds) {
      changes.set(kind, []);
      horizons.set(kind, version);
      of(signals, kind).notify();
    }
  }

  return {
    version: () => version,
    object: (kind, name) => of(objects, kind).get(name),
    objects: (kind) => {
      const known = listed.get(kind);
      if (known !== undefined) return known;
      const sorted = [...of(objects, kind).values()].toSorted((left, right) =>
        left.metadata.name < right.metadata.name ? -1 : 1,
      );
      listed.set(kind, sorted);
      return sorted;
    },
    changeAfter: (kind, after) => {
      const logged = of(changes, kind);
      return logged[firstAfter(logged, after)];
    },
    canResumeFrom: (kind, from) => from >= (horizons.get(kind) ?? 0) && from <= version,
    changed: (kind) => of(signals, kind),
    write: (request, refusal) => {
      const before = of(objects, request.kind).get(request.name);
      const next = version + 1;
      const decision = decideWrite(request, before, {
        resourceVersion: String(next),
        nowMs: clock.nowMs(),
        newUid: () => random.uuid(),
        refusal,
      });
      if (!decision.ok) return decision;
      const { change: type } = decision.value;
      const object = deepFrozen(decision.value.object);
      if (type === undefined) return ok({ object, change: undefined });
      version = next;
      listed.delete(request.kind);
      if (type === "DELETED") of(objects, request.kind).delete(request.name);
      else of(objects, request.kind).set(request.name, object);
      const change: SimulatedChange = {
        type,
        version: next,
        atMs: clock.elapsedMs(),
        object,
        labelsBefore: before?.metadata.labels,
      };
      log(request.kind, change);
      of(signals, request.kind).notify();
      return ok({ object, change });
    },
    forgetHistory,
    snapshot: () => new Map(kinds.map((kind) => [kind, new Map(of(objects, kind))])),
    restore: (snapshot) => {
      listed.clear();
      for (const kind of kinds) objects.set(kind, new Map(snapshot.get(kind)));
      forgetHistory();
    },
  };
}

/** The index of the first change after `version`, by bisection. */
function firstAfter(changes: readonly SimulatedChange[], version: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((changes[middle]?.version ?? 0) > version) high = middle;
    else low = middle + 1;
  }
  return low;
}

function of<T>(byKind: ReadonlyMap<Kind, T>, kind: Kind): T {
  const value = byKind.get(kind);
  if (value === undefined) throw new Error(`${kind} is no kind of this store`);
  return value;
}

/** Freezes a plain JSON value all the way down, so that a caller that writes into it is noticed. */
function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFrozen(part);
  }
  return value;
}

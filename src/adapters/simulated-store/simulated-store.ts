import { storeUnavailable } from "../../core/failure/frequent-failures.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Random } from "../../ports/random.ts";
import { WatchBroken, WatchGone } from "../../ports/store/object-store.ts";
import type {
  Kind,
  KindMap,
  LabelSelector,
  ObjectStore,
  WatchEvent,
} from "../../ports/store/object-store.ts";
import type { Denial, WriteRequest } from "../object-semantics/decide-write.ts";
import { getFrom, listFrom, versionOf } from "../object-semantics/read-verbs.ts";
import { selectedType } from "../object-semantics/select-event.ts";
import { asKind, kinds } from "../object-semantics/stored-object.ts";
import type { StoredObject } from "../object-semantics/stored-object.ts";
import { writeVerbs } from "../object-semantics/write-verbs.ts";
import { createChangeWait } from "./change-wait.ts";
import { createSimulatedState } from "./simulated-state.ts";
import type { SimulatedChange, SimulatedState, StoreSnapshot } from "./simulated-state.ts";
import { fairWeather } from "./weather.ts";
import type { Weather } from "./weather.ts";

const HISTORY_MAX = 10_000;
const BOOKMARK_INTERVAL_MS = 10_000;

/** The calls of a user of the store. */
type StoreVerb = "get" | "list" | WriteRequest["verb"];

/** A fault that happens to one certain call. */
interface ScriptedFault {
  /** `late`: it has its effect only after `lateMs`. */
  readonly fault: "conflict" | "unavailable" | "lostAnswer" | "late";
  readonly lateMs?: number;
  /** Only such a call; default: the next of any kind. */
  readonly verb?: StoreVerb;
  readonly kind?: Kind;
}

/** The rights of a user at an API server, beyond the rules for every object. */
export interface WriteGuard {
  /** Why the handle `by` has no right to such a write, whatever is in the store; undefined: it has. */
  forbids(by: string, request: Pick<WriteRequest, "verb" | "kind">): string | undefined;
  /**
   * Why admission refuses a write; undefined: it does not. Asked when Kubernetes' API server asks its
   * validating policies.
   */
  refuses(by: string, write: AdmittedWrite): Denial | undefined;
}

/** A write as admission sees it: an update of status has the rest of the object as it was. */
export interface AdmittedWrite extends Pick<WriteRequest, "verb" | "kind"> {
  /** Undefined at a creation. */
  readonly before: StoredObject | undefined;
  /** Undefined at a deletion. */
  readonly after: StoredObject | undefined;
}

/** A write that changed the store, as a checker of the history wants it. */
export interface SimulatedCommit {
  /** Name of the handle that wrote. */
  readonly by: string;
  readonly verb: WriteRequest["verb"];
  readonly kind: Kind;
  readonly name: string;
  readonly before: StoredObject | undefined;
  /** Undefined: the write removed the object. */
  readonly after: StoredObject | undefined;
  readonly resourceVersion: string;
  readonly atMs: number;
}

/** One user's connection to a simulated store, with its own weather. */
export interface SimulatedHandle extends ObjectStore {
  /** Changes this handle's weather; what is left out follows the store's. */
  setWeather(weather: Partial<Weather>): void;
  /** Follows the store's weather again in everything. */
  clearWeather(): void;
  /**
   * While false, every call is `StoreUnavailable` (one under way may have its effect) and every watch
   * `WatchBroken`.
   */
  setReachable(isReachable: boolean): void;
  /** While true, watches deliver nothing, as if the messages were stuck: caches become stale. */
  holdWatches(areHeld: boolean): void;
  /** Ends every watch of this handle with `WatchBroken`. */
  breakWatches(): void;
  /** Makes a fault happen to the next matching call. The returned function takes back one that has not. */
  failNext(fault: ScriptedFault): () => void;
}

/**
 * An object store in memory under a clock and a source of randomness, with faults on request. The same
 * clock and seed give the same run.
 */
export interface SimulatedStore {
  /** A user's connection to the store. */
  handle(name: string): SimulatedHandle;
  /** Changes the weather of every handle that has none of its own. */
  setWeather(weather: Partial<Weather>): void;
  /** The present truth, for checkers: no delay and no fault. Sorted by name. */
  objects<K extends Kind>(kind: K): readonly KindMap[K][];
  /**
   * Calls `listener` within each write that changes something, before any client learns of it; a throw
   * fails the run. Returns a function that stops it.
   */
  onCommit(listener: (commit: SimulatedCommit) => void): () => void;
  /** Makes every version so far too old to watch from, as compaction does. */
  forgetHistory(): void;
  snapshot(): StoreSnapshot;
  /** Restores the objects of a snapshot, as a restored backup does. Versions continue; watches are gone. */
  restore(snapshot: StoreSnapshot): void;
}

export function createSimulatedStore(options: {
  readonly clock: Clock;
  readonly random: Random;
  readonly weather?: Partial<Weather>;
  /** Default: every handle may write everything. */
  readonly guard?: WriteGuard;
  /** Changes of each kind that watches may resume from. Default 10,000. */
  readonly historyMax?: number;
  /** Milliseconds after which a quiet watch gets a bookmark. Default 10,000. */
  readonly bookmarkIntervalMs?: number;
}): SimulatedStore {
  const { clock, random } = options;
  const state = createSimulatedState({ clock, random, historyMax: options.historyMax ?? HISTORY_MAX });
  const bookmarkIntervalMs = options.bookmarkIntervalMs ?? BOOKMARK_INTERVAL_MS;
  const listeners = new Set<(commit: SimulatedCommit) => void>();
  let weather: Weather = { ...fairWeather, ...options.weather };

  function commit(by: string, request: WriteRequest): Result<StoredObject> {
    const { verb, kind, name } = request;
    const forbidden = options.guard?.forbids(by, request);
    if (forbidden !== undefined)
      return storeUnavailable(`${by} may not ${verb} ${kind} ${name}: ${forbidden}`);
    const before = state.object(kind, name);
    const written = state.write(request, (old, after) =>
      options.guard?.refuses(by, { verb, kind, before: old, after }),
    );
    if (!written.ok) return written;
    const { change, object } = written.value;
    if (change !== undefined) {
      const after = change.type === "DELETED" ? undefined : object;
      const committed: SimulatedCommit = {
        by,
        verb,
        kind,
        name,
        before,
        after,
        resourceVersion: String(change.version),
        atMs: change.atMs,
      };
      for (const listener of listeners) listener(committed);
    }
    return ok(object);
  }

  return {
    handle: (name) =>
      createHandle({ name, state, clock, random, bookmarkIntervalMs, commit, storeWeather: () => weather }),
    setWeather: (changed) => {
      weather = { ...weather, ...changed };
    },
    objects: (kind) => state.objects(kind).map((object) => asKind<typeof kind>(object)),
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    forgetHistory: state.forgetHistory,
    snapshot: state.snapshot,
    restore: state.restore,
  };
}

interface HandleParts {
  readonly name: string;
  readonly state: SimulatedState;
  readonly clock: Clock;
  readonly random: Random;
  readonly bookmarkIntervalMs: number;
  readonly commit: (by: string, request: WriteRequest) => Result<StoredObject>;
  readonly storeWeather: () => Weather;
}

function createHandle(parts: HandleParts): SimulatedHandle {
  const { state, clock, random } = parts;
  const scripted: ScriptedFault[] = [];
  let ownWeather: Partial<Weather> = {};
  let isReachable = true;
  let areHeld = false;
  let connection = 0;
  let mixed = { store: parts.storeWeather(), own: ownWeather, both: parts.storeWeather() };
  const weather = (): Weather => {
    const store = parts.storeWeather();
    if (mixed.store !== store || mixed.own !== ownWeather)
      mixed = { store, own: ownWeather, both: { ...store, ...ownWeather } };
    return mixed.both;
  };
  const happens = (probability: number): boolean => probability > 0 && random.next() < probability;
  const between = ([least, most]: readonly [number, number]): number =>
    most <= least ? least : least + random.next() * (most - least);

  function faultOf(verb: StoreVerb, kind: Kind): ScriptedFault | undefined {
    const at = scripted.findIndex((fault) => (fault.verb ?? verb) === verb && (fault.kind ?? kind) === kind);
    const [planned] = at < 0 ? [] : scripted.splice(at, 1);
    if (planned !== undefined) return planned;
    const { unavailable, refusedKinds, lostAnswer, conflict } = weather();
    if (happens(unavailable)) return { fault: "unavailable" };
    if (verb !== "get" && verb !== "list" && verb !== "delete" && refusedKinds.includes(kind))
      return { fault: "unavailable" };
    if (happens(lostAnswer)) return { fault: "lostAnswer" };
    return verb !== "get" && verb !== "list" && verb !== "create" && happens(conflict)
      ? { fault: "conflict" }
      : undefined;
  }

  async function call<T>(
    about: { readonly verb: StoreVerb; readonly kind: Kind; readonly name: string },
    effect: () => Result<T>,
    signal: AbortSignal,
  ): Promise<Result<T>> {
    const { fault, lateMs = 0 } = faultOf(about.verb, about.kind) ?? {};
    const delayMs = between(weather().callDelayMs);
    // The request or its answer takes the time, by chance: a concurrent call sees either order, for one
    // wake-up a call.
    const beforeMs = delayMs > 0 && random.next() < 0.5 ? delayMs : 0;
    if (!(await passes(beforeMs + lateMs, signal))) return fail({ kind: "Cancelled" });
    if (!isReachable || fault === "unavailable") return unavailable(parts.name, "the request was lost");
    if (fault === "conflict")
      return fail({ kind: "ObjectConflict", objectKind: about.kind, name: about.name });
    const result = effect();
    if (!(await passes(delayMs - beforeMs, signal))) return fail({ kind: "Cancelled" });
    return isReachable && fault !== "lostAnswer" ? result : unavailable(parts.name, "the answer was lost");
  }

  /** Waits, also not at all; false if `signal` was aborted. */
  function passes(ms: number, signal: AbortSignal): Promise<boolean> | boolean {
    if (ms <= 0 || signal.aborted) return !signal.aborted;
    return clock.sleep(ms, signal).then(
      () => !signal.aborted,
      (error: unknown) => {
        if (!signal.aborted) throw error;
        return false;
      },
    );
  }

  async function write<K extends Kind>(
    request: WriteRequest & { readonly kind: K },
    signal: AbortSignal,
  ): Promise<Result<KindMap[K]>> {
    const written = await call(request, () => parts.commit(parts.name, request), signal);
    return written.ok ? ok(asKind<K>(written.value)) : written;
  }

  async function* watch<K extends Kind>(
    kind: K,
    selector: LabelSelector,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<K>, void, undefined> {
    const begunOn = connection;
    let seen = versionOf(resourceVersion);
    let pending: { readonly change: SimulatedChange; readonly visibleAtMs: number } | undefined;
    let again: { readonly event: WatchEvent<K>; readonly atMs: number } | undefined;
    const mayComeAgain = (event: WatchEvent<K>): WatchEvent<K> => {
      if (happens(weather().watchRepeated))
        again = { event, atMs: clock.elapsedMs() + between(weather().watchDelayMs) };
      return event;
    };
    let bookmarkAtMs = clock.elapsedMs() + parts.bookmarkIntervalMs;
    if (happens(weather().watchGone))
      throw new WatchGone(`version ${resourceVersion} of ${kind} is forgotten by chance`);
    const waits = createChangeWait(clock, state.changed(kind), signal);
    try {
      while (!signal.aborted) {
        if (!isReachable || connection !== begunOn)
          throw new WatchBroken(`${parts.name} lost its connection to the store`);
        if (!state.canResumeFrom(kind, seen))
          throw new WatchGone(`version ${resourceVersion} of ${kind} is not in the store's history`);
        let next = state.changeAfter(kind, seen);
        // A change that this watch's selector leaves out needs no delay.
        while (next !== undefined && selectedType(next, selector) === undefined) {
          seen = next.version;
          next = state.changeAfter(kind, seen);
        }
        if (again !== undefined && !areHeld) {
          const { event, atMs } = again;
          if (atMs > clock.elapsedMs()) await waits.until(atMs);
          else {
            again = undefined;
            yield event;
          }
          continue;
        }
        if (next !== undefined && pending?.change !== next)
          pending = { change: next, visibleAtMs: next.atMs + between(weather().watchDelayMs) };
        const untilMs = areHeld
          ? clock.elapsedMs() + parts.bookmarkIntervalMs
          : next === undefined || pending === undefined
            ? bookmarkAtMs
            : pending.visibleAtMs;
        if (untilMs > clock.elapsedMs()) {
          await waits.until(untilMs);
          continue;
        }
        bookmarkAtMs = clock.elapsedMs() + parts.bookmarkIntervalMs;
        if (next === undefined) {
          seen = state.version();
          yield mayComeAgain({ type: "BOOKMARK", resourceVersion: String(seen) });
          continue;
        }
        if (happens(weather().watchBroken))
          throw new WatchBroken(`the connection of ${parts.name} broke by chance`);
        seen = next.version;
        const type = selectedType(next, selector);
        if (type !== undefined) yield mayComeAgain({ type, object: asKind<K>(next.object) });
      }
    } finally {
      waits.end();
    }
  }

  function wakeWatches(): void {
    for (const kind of kinds) state.changed(kind).notify();
  }

  return {
    get: (kind, name, signal) => call({ verb: "get", kind, name }, () => getFrom(state, kind, name), signal),
    list: (kind, selector, signal) =>
      call({ verb: "list", kind, name: "" }, () => listFrom(state, kind, selector), signal),
    ...writeVerbs(write),
    watch,
    setWeather: (changed) => {
      ownWeather = { ...ownWeather, ...changed };
    },
    clearWeather: () => {
      ownWeather = {};
    },
    setReachable: (reachable) => {
      isReachable = reachable;
      wakeWatches();
    },
    holdWatches: (held) => {
      areHeld = held;
      wakeWatches();
    },
    breakWatches: () => {
      connection++;
      wakeWatches();
    },
    failNext: (fault) => {
      scripted.push(fault);
      return () => {
        const at = scripted.indexOf(fault);
        if (at !== -1) scripted.splice(at, 1);
      };
    },
  };
}

function unavailable(handleName: string, what: string): Result<never> {
  return storeUnavailable(`${what} between ${handleName} and the store`);
}

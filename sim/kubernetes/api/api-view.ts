import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import type { ApiChange, ApiKind, ApiKinds } from "./api-objects.ts";
import type { ApiReads } from "./api-server.ts";
import { between } from "./between.ts";
import { createSwitch } from "./switch.ts";
import type { TaskGroup } from "./task-group.ts";

/**
 * The API server's objects as one process sees them: each kind through its own watch, with a delay.
 * Changes in quick succession may arrive as one; an object that came and went before it was delivered
 * arrives as deleted.
 */
export interface ApiView {
  get<K extends ApiKind>(kind: K, name: string): ApiKinds[K] | undefined;
  /** In the order of arrival. */
  list<K extends ApiKind>(kind: K): Iterable<ApiKinds[K]>;
  /** Whether everything was listed once. */
  hasSynced(): boolean;
  /** Resolves then. Rejects with the signal's reason. */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** Calls `listener` after each change, also for the first list, once that is complete. */
  onChange(listener: (change: ApiChange) => void): void;
}

/** How a process receives changes. */
export interface ApiViewOptions {
  readonly api: ApiReads;
  readonly clock: Clock;
  readonly random: Random;
  readonly tasks: TaskGroup;
  /** Its delay, in milliseconds. */
  readonly delayMs: () => readonly [min: number, max: number];
  /** Resolves when it can receive: it runs, and reaches the API server. */
  readonly untilReachable: (signal: AbortSignal) => Promise<void>;
  /** Kinds that it follows. */
  readonly kinds: readonly ApiKind[];
  /**
   * Whether it begins to follow an object with this change: a kubelet follows the pods of its node.
   * Default: all of those kinds.
   */
  readonly follows?: (change: ApiChange) => boolean;
  /**
   * Whether it lists everything again once a backup was restored. Default: it receives nothing from then
   * on, since its watch waits for versions that the API server has not reached again.
   */
  readonly followsRestores?: boolean;
}

/** A view that fills by itself. */
export function createApiView(options: ApiViewOptions): ApiView {
  const { api, clock, random, tasks, kinds, follows = () => true, followsRestores = false } = options;
  const restores = api.restores();
  const isBlind = (): boolean => !followsRestores && api.restores() !== restores;
  const known = new Map<ApiKind, Map<string, ApiKinds[ApiKind]>>(kinds.map((kind) => [kind, new Map()]));
  /** By name, the last state of each object. */
  const unreported = new Map<ApiKind, Map<string, ApiKinds[ApiKind] | undefined>>(
    kinds.map((kind) => [kind, new Map()]),
  );
  const onTheirWay = new Set<ApiKind>();
  const unlisted = new Set<ApiKind>(kinds);
  const synced = createSwitch();
  synced.set(kinds.length === 0);
  const listeners: ((change: ApiChange) => void)[] = [];

  function receive(kind: ApiKind): void {
    const names = unreported.get(kind);
    const objects = known.get(kind);
    if (names === undefined || objects === undefined || isBlind()) return;
    const arrived = [...names];
    names.clear();
    for (const [name, last] of arrived) {
      const current = api.get(kind, name);
      const previous = objects.get(name) ?? (current === undefined ? last : undefined);
      if (previous === current) continue;
      if (current === undefined) objects.delete(name);
      else objects.set(name, current);
      if (synced.isOn()) notify({ kind, name, previous, current } as ApiChange);
    }
    if (!synced.isOn() && unlisted.size === 0) notifyOfAll();
  }

  function notify(change: ApiChange): void {
    for (const listener of listeners) listener(change);
  }

  /** Like informers, it delivers nothing before everything has been listed. */
  function notifyOfAll(): void {
    synced.set(true);
    for (const [kind, objects] of known)
      for (const [name, current] of [...objects])
        notify({ kind, name, previous: undefined, current } as ApiChange);
  }

  /** One message is on its way for each kind; changes in this time come with it. */
  function send(kind: ApiKind): void {
    if (onTheirWay.has(kind)) return;
    onTheirWay.add(kind);
    tasks.start(async (signal) => {
      await clock.sleep(between(random, options.delayMs()), signal);
      await options.untilReachable(signal);
      onTheirWay.delete(kind);
      unlisted.delete(kind);
      receive(kind);
    });
  }

  for (const kind of kinds) {
    for (const current of api.list(kind))
      if (follows({ kind, name: current.name, previous: undefined, current } as ApiChange))
        unreported.get(kind)?.set(current.name, current);
    send(kind);
  }
  const stop = api.onChange((change) => {
    const names = unreported.get(change.kind);
    if (names === undefined) return;
    if (known.get(change.kind)?.has(change.name) !== true && !names.has(change.name) && !follows(change))
      return;
    names.set(change.name, change.current ?? change.previous);
    send(change.kind);
  });
  tasks.signal.addEventListener("abort", stop, { once: true });

  return {
    get: <K extends ApiKind>(kind: K, name: string) => known.get(kind)?.get(name) as ApiKinds[K] | undefined,
    list: <K extends ApiKind>(kind: K) => (known.get(kind)?.values() ?? []) as Iterable<ApiKinds[K]>,
    hasSynced: synced.isOn,
    untilSynced: synced.untilOn,
    onChange: (listener) => {
      listeners.push(listener);
    },
  };
}

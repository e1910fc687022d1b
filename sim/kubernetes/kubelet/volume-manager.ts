import { unlessAborted } from "../../../src/runtime/unless-aborted.ts";
import { between } from "../api/between.ts";
import { createWake } from "../api/wake.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import { targetPathOf } from "./kubelet-files.ts";
import { createVolumeOperations } from "./volume-operations.ts";
import { createVolumeState, type VolumeState } from "./volume-state.ts";

/** Its reconciler's loop. */
const LOOP_MS = 100;
/** After an error an operation pauses, for twice as long each time (exponential_backoff.go). */
const BACKOFF = { baseMs: 500, maxMs: 122_000 } as const;

/** A kubelet's volume manager: stages and publishes what its pods need, one operation a volume at a time. */
export interface VolumeManager {
  /**
   * A pod needs its volume; resolves with the path once it is published. Rejects with the signal's reason.
   */
  mount(pod: { readonly uid: string; readonly volumeName: string }, signal: AbortSignal): Promise<string>;
  /** The volume has to stay under a container whose pod is gone from the API. */
  hold(podUid: string, volumeName: string): void;
  /** The pod has ended; resolves once its volume is not published for it any more. */
  unmount(podUid: string, volumeName: string, signal: AbortSignal): Promise<void>;
  /** Takes over from an earlier process: whatever its folders show may be staged and published. */
  reconstruct(): void;
  /** From now on the pods of this node are known: what none of them needs may be removed. */
  begin(): void;
  /** The volumes to report as in use, sorted. */
  inUse(): readonly string[];
  /** Takes the Node's present content: a volume is staged only if the Node lists it as in use. */
  setReported(volumeNames: readonly string[]): void;
  /** The Node or a claim has changed. */
  wake(volumeName?: string): void;
}

/** An operation for a volume, and the key under which it pauses. */
interface Operation {
  readonly key: string;
  readonly run: () => Promise<boolean>;
}

/** A volume manager that knows of no volume yet. */
export function createVolumeManager(context: KubeletContext): VolumeManager {
  const { view, clock, random, tasks, files, nodeName, attach } = context;
  const operations = createVolumeOperations(context);
  const volumes = new Map<string, VolumeState>();
  let reported: readonly string[] = [];
  let hasBegun = false;

  /** Changes the state of a volume, and keeps a worker for it while there is any state. */
  function touch(name: string, change: (state: VolumeState) => void): VolumeState {
    const present = volumes.get(name);
    const state = present ?? createVolumeState(name, createWake(clock));
    change(state);
    state.wake.wake();
    if (present === undefined) {
      volumes.set(name, state);
      tasks.start((signal) => work(state, signal));
    }
    return state;
  }

  async function work(state: VolumeState, signal: AbortSignal): Promise<void> {
    while (!isForgotten(state)) {
      const open = operationsFor(state);
      const nowMs = clock.elapsedMs();
      const ready = open.find(({ key }) => (state.pauses.get(key)?.notBeforeMs ?? 0) <= nowMs);
      if (ready === undefined) {
        const pauseMs = open.map(({ key }) => (state.pauses.get(key)?.notBeforeMs ?? 0) - nowMs);
        await state.wake.wait(Math.min(...pauseMs, Infinity), signal);
        continue;
      }
      await clock.sleep(between(random, [0, LOOP_MS]), signal);
      // The pending operations may have changed in this time.
      const still = operationsFor(state).find(({ key }) => key === ready.key);
      if (still === undefined) continue;
      settle(state, still.key, await still.run());
      for (const notify of state.changed) notify();
    }
    volumes.delete(state.name);
  }

  function isForgotten({ neededBy, heldBy, published, staged, changed }: VolumeState): boolean {
    return (
      neededBy.size === 0 &&
      heldBy.size === 0 &&
      published.size === 0 &&
      staged === "no" &&
      changed.size === 0
    );
  }

  function settle(state: VolumeState, key: string, isDone: boolean): void {
    const delayMs = Math.min(BACKOFF.maxMs, (state.pauses.get(key)?.delayMs ?? BACKOFF.baseMs / 2) * 2);
    if (isDone) state.pauses.delete(key);
    else state.pauses.set(key, { delayMs, notBeforeMs: clock.elapsedMs() + delayMs });
  }

  /** All pending operations, in the order of kubelet's reconciler: removals come first. */
  function operationsFor(state: VolumeState): readonly Operation[] {
    if (!hasBegun) return [];
    const { name, neededBy, heldBy, published, staged } = state;
    const leaving = [...published.keys()].filter((uid) => !neededBy.has(uid) && !heldBy.has(uid));
    const coming = mayStage(name) ? [...neededBy].filter((uid) => published.get(uid) !== "yes") : [];
    const growing = mayGrow(state) ? [...neededBy].filter((uid) => published.get(uid) === "yes") : [];
    const isLeft = neededBy.size === 0 && heldBy.size === 0 && published.size === 0 && staged !== "no";
    return [
      ...leaving.map((uid) => ({ key: `unpublish ${uid}`, run: () => operations.unpublish(state, uid) })),
      // Staging and publishing are one operation of the volume, for any pod.
      ...coming
        .slice(0, 1)
        .map((uid) => ({ key: "mount", run: () => operations.stageAndPublish(state, uid) })),
      ...growing.slice(0, 1).map((uid) => ({ key: "grow", run: () => operations.growPublished(state, uid) })),
      ...(isLeft ? [{ key: "unstage", run: () => operations.unstage(state) }] : []),
    ];
  }

  /**
   * If Kubernetes attaches, the controller must have seen the kubelet's "in use", and the kubelet the
   * controller's "attached".
   */
  function mayStage(name: string): boolean {
    return (
      attach === "driver" ||
      (reported.includes(name) && view.get("Node", nodeName)?.volumesAttached.includes(name) === true)
    );
  }

  function mayGrow({ name, staged, growsUnmounted }: VolumeState): boolean {
    return staged === "yes" && !growsUnmounted && operations.hasGrown(name);
  }

  /** Waits for a condition that an operation may bring about. */
  async function until(
    name: string,
    isSo: (state: VolumeState) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const reached = Promise.withResolvers<void>();
    const state = touch(name, ({ changed }) => changed.add(look));
    function look(): void {
      if (isSo(state)) reached.resolve();
    }
    look();
    try {
      await unlessAborted(reached.promise, signal);
    } finally {
      state.changed.delete(look);
      state.wake.wake();
    }
  }

  return {
    mount: async ({ uid, volumeName }, signal) => {
      touch(volumeName, ({ neededBy }) => neededBy.add(uid));
      await until(volumeName, ({ published }) => published.get(uid) === "yes", signal);
      return targetPathOf(volumeName, uid, files.volumes.get(volumeName)?.access ?? "mount");
    },
    hold: (podUid, volumeName) => {
      touch(volumeName, ({ heldBy }) => heldBy.add(podUid));
    },
    unmount: async (podUid, volumeName, signal) => {
      touch(volumeName, ({ neededBy, heldBy }) => {
        neededBy.delete(podUid);
        heldBy.delete(podUid);
      });
      await until(volumeName, ({ published }) => !published.has(podUid), signal);
    },
    reconstruct: () => {
      // It lists the folders of pods alone: what is staged and published for none stays so (reconstruct.go).
      for (const [uid, name] of files.targets) {
        touch(name, (state) => {
          state.isReconstructed = true;
          if (files.stagings.has(name)) state.staged = "uncertain";
          state.published.set(uid, "uncertain");
        });
      }
    },
    begin: () => {
      hasBegun = true;
      for (const state of volumes.values()) state.wake.wake();
    },
    inUse: () =>
      [...volumes.values()]
        .filter(({ neededBy, staged }) => neededBy.size > 0 || staged !== "no")
        .map(({ name }) => name)
        .toSorted(),
    setReported: (volumeNames) => {
      reported = volumeNames;
      for (const state of volumes.values()) state.wake.wake();
    },
    wake: (volumeName) => {
      for (const state of volumes.values())
        if (volumeName === undefined || state.name === volumeName) state.wake.wake();
    },
  };
}

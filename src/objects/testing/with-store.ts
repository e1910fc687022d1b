import {
  createSimulatedStore,
  type SimulatedHandle,
  type SimulatedStore,
} from "../../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom, type SeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { LIMIT_MS, settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { AzVolume, WriterRecord } from "../../core/api/az-volume.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { must } from "../../core/testing/value-of.ts";
import type { DriverEvent, Events } from "../../ports/cluster/events.ts";
import type { StepName, Steps } from "../../ports/steps.ts";
import type { Kind, KindMap, NewObject, ObjectStore } from "../../ports/store/object-store.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { createObjectCache, type ObjectCache } from "../cache/object-cache.ts";
import { attachmentLabels } from "../new-attachment.ts";

/** A simulated store, and the cache of the process that is tested, on a virtual clock. */
export interface StoreWorld {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly simulated: SimulatedStore;
  /** The own access of that process to the store. */
  readonly store: SimulatedHandle;
  /** Another client's access to the store. */
  readonly other: SimulatedHandle;
  readonly cache: ObjectCache;
  /** Ports that note what they are given, in order: in `steps` and `emitted`. */
  readonly noting: { readonly steps: Steps; readonly events: Events };
  readonly steps: readonly StepName[];
  readonly emitted: readonly DriverEvent[];
  /** Lets time pass until the promise has settled. */
  answerOf<T>(promise: Promise<T>): Promise<T>;
  /** Lets time pass until the condition holds. */
  until(isReached: () => boolean): Promise<void>;
  /**
   * Puts an object into the store as another client does, with its status and its mark for deletion, and
   * waits until the cache shows it.
   */
  given<K extends Kind>(
    kind: K,
    object: Pick<KindMap[K], "spec" | "status"> & {
      readonly metadata: Partial<KindMap[K]["metadata"]> & { readonly name: string };
    },
  ): Promise<void>;
  /** A volume as the store has it. Default: `pvc-1`. */
  volume(name?: string): AzVolume | undefined;
  /** The writer record of `pvc-1` as the store has it. */
  record(): WriterRecord | undefined;
  setRecord(change: (record: WriterRecord) => WriterRecord): Promise<void>;
}

/** Runs `act` in a world of its own. `follow`: what the cache follows of the store; default: all of it. */
export async function withStore(
  {
    client,
    kinds,
    follow = (store) => store,
  }: {
    readonly client: string;
    readonly kinds: readonly Kind[];
    readonly follow?: (store: ObjectStore) => ObjectStore;
  },
  act: (world: StoreWorld) => Promise<void>,
): Promise<void> {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const simulated = createSimulatedStore({ clock, random });
  const store = simulated.handle(client);
  const other = simulated.handle("other");
  const cache = createObjectCache({ store: follow(store), clock, random, logger: silentLogger, kinds });
  const life = new AbortController();
  const { signal } = life;
  const steps: StepName[] = [];
  const emitted: DriverEvent[] = [];
  const answerOf = <T>(promise: Promise<T>): Promise<T> => settledOn(clock, promise);
  const until = async (isReached: () => boolean): Promise<void> =>
    invariant(await clock.runUntil(isReached, LIMIT_MS), "not reached within an hour");
  const world: StoreWorld = {
    clock,
    random,
    simulated,
    store,
    other,
    cache,
    noting: {
      steps: {
        run: (step, take) => {
          steps.push(step);
          return take();
        },
      },
      events: { emit: (event) => emitted.push(event) },
    },
    steps,
    emitted,
    answerOf,
    until,
    given: async (kind, { metadata, spec, status }) => {
      const { name, finalizers = ["disk.csi.azure.com/test"], deletionTimestamp } = metadata;
      const labels = "volumeId" in spec ? attachmentLabels(spec) : (metadata.labels ?? {});
      const made = { metadata: { name, finalizers: [...finalizers], labels }, spec };
      const created = await must(other.create(kind, made as unknown as NewObject<typeof kind>, signal));
      if (status !== undefined) await must(other.updateStatus(kind, { ...created, status }, signal));
      if (deletionTimestamp !== undefined) await must(other.delete(kind, name, {}, signal));
      await until(() => {
        const ignored = kind === "AzVolumeAttachment" ? cache.ignoredAttachment(name) : undefined;
        const shown = cache.get(kind, name) ?? ignored?.attachment;
        return (
          shown?.metadata.uid === created.metadata.uid &&
          (shown.metadata.deletionTimestamp === undefined) === (deletionTimestamp === undefined) &&
          (shown.status === undefined) === (status === undefined)
        );
      });
    },
    volume: (name = "pvc-1") => simulated.objects("AzVolume").find(({ metadata }) => metadata.name === name),
    record: () => world.volume()?.status?.record,
    setRecord: async (change) => {
      const present = await must(other.get("AzVolume", "pvc-1", signal));
      invariant(present.status?.record !== undefined, "pvc-1 has no record");
      const status = { ...present.status, record: change(present.status.record) };
      await must(other.updateStatus("AzVolume", { ...present, status }, signal));
    },
  };
  const running = cache.run(signal);
  try {
    await answerOf(cache.untilSynced(signal));
    await act(world);
  } finally {
    life.abort();
    await answerOf(running).catch((error: unknown) => invariant(signal.aborted, String(error)));
  }
}

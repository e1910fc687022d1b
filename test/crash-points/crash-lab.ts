import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Lab, startLab } from "../../demo/lab/lab.ts";
import { connectPatiently } from "../../demo/lab/patient-csi.ts";
import { leftovers } from "../../demo/observe.ts";
import type { Timeline } from "../../demo/timeline.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { writeDriver } from "../../scripts/build/write-driver.ts";
import { CRASH_AT, CRASH_MARK } from "../../src/adapters/observe/crashing-steps.ts";
import { volumeOptions } from "../../src/compose/settings/volume-options.ts";
import { type ReplicaWatch, watchReplicas } from "../workflows/replica-watch.ts";
import { pathWithCutOffFormat } from "./cut-off-format.ts";
import { pathWithKilledHolder } from "./killed-holder.ts";
import { snapshotted, unused } from "./lives.ts";
import { checkpointedEpochs } from "./noted-epochs.ts";
import type { CrashPoint } from "./points.ts";
import { type WriterWatch, watchWriters } from "./writer-watch.ts";

/** A lab that restarts its processes at once when they die. */
export interface CrashLab {
  /**
   * Lets a process die at a point of a volume's lifecycle, and throws unless the final state is correct.
   */
  survives(point: CrashPoint): Promise<void>;
  /** The log of the processes, for the failure's message. */
  logs(): string;
  close(): Promise<void>;
}

/** Azure's latencies times this. */
const TIME_SCALE = 0.01;
const RECALL_ANSWER_MS = 300;
/** One crash is expected; a second one is a crash loop. */
const REVIVALS_MAX = 1;
const LIFE_MAX_MS = 600_000;
const BARRIER_MAX_MS = 120_000;
const LOG_TAIL_CHARS = 6_000;
const PRUNE_AFTER_MS = volumeOptions["prune-replicas-after-ms"].default;
/** Longer than unrequested replicas are kept: each volume that fails over is older. */
const OBJECTS_BORN_AGED_MS = 2 * PRUNE_AFTER_MS;

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
  { name: "node-c", zone: "1" },
] as const;

/** Starts three nodes, a controller, a store and an emulator, and a watch of all writers. */
export async function startCrashLab(): Promise<CrashLab> {
  const ending = new AbortController();
  const lab = await startLab({
    timeScale: TIME_SCALE,
    hasDevices: true,
    vms,
    signal: ending.signal,
    revivalsMax: REVIVALS_MAX,
    objectsBornAgedMs: OBJECTS_BORN_AGED_MS,
    connect: connectPatiently,
    // Each point starts a process twice, which takes a third of the time of the sources.
    writeDriver,
    controllerFlags: [`--recall-answer-ms=${RECALL_ANSWER_MS}`],
  });
  const watches: Watches = {
    writers: await watchWriters(lab, ending.signal),
    replicas: await watchReplicas(
      lab,
      { objectsBornAgedMs: OBJECTS_BORN_AGED_MS, pruneAfterMs: PRUNE_AFTER_MS, losesStore: false },
      ending.signal,
    ),
  };
  let volumes = 0;
  return {
    survives: async (point) => {
      volumes += 1;
      await survives(lab, watches, point, `volume-${volumes}`, ending.signal);
    },
    logs: () =>
      [...lab.processes]
        .map(([name, process]) => `--- ${name}\n${process.child.log().slice(-LOG_TAIL_CHARS)}`)
        .join("\n"),
    close: async () => {
      await Promise.all([watches.writers.stop(), watches.replicas.stop()]);
      ending.abort(new Error("the lab is closed"));
      await lab.close();
    },
  };
}

interface Watches {
  readonly writers: WriterWatch;
  readonly replicas: ReplicaWatch;
}

async function survives(
  lab: Lab,
  { writers, replicas }: Watches,
  point: CrashPoint,
  volumeName: string,
  signal: AbortSignal,
): Promise<void> {
  const mark = join(lab.directory, `${volumeName}-crashed`);
  const arm = async (): Promise<void> => {
    await lab.processes
      .get(point.process)
      ?.restart(
        point.when === "during"
          ? { PATH: await pathWithDeath(point)(join(lab.directory, `${volumeName}-bin`), mark) }
          : { [CRASH_AT]: `${point.when}:${point.step}`, [CRASH_MARK]: mark },
      );
  };
  const { timeline, phase } = rememberPhases();
  const seenBefore = { ...writers.seen, ...replicas.seen };
  const life = point.life.run(
    {
      lab,
      timeline,
      signal,
      say: () => undefined,
      pruneAfterMs: undefined,
      dying: point.process,
      fsType: point.fsType,
      arm,
    },
    volumeName,
  );
  await within(life, LIFE_MAX_MS, () => `the volume's lifecycle stopped at: ${phase()}`);
  assert.ok(existsSync(mark), `${point.process} never reached ${point.step}`);
  const deaths = [...lab.processes].flatMap(([name, process]) =>
    process.deaths.splice(0).map((how) => `${name}: ${how}`),
  );
  assert.deepEqual(deaths, [`${point.process}: SIGKILL`]);
  assert.deepEqual(await settled(() => leaks(lab, signal)), [], "left behind");
  assert.deepEqual(await settled(() => distrust(lab, signal)), [], "nodes that do not trust the store");
  assert.deepEqual([...writers.violations(), ...replicas.violations()], []);
  assert.ok(
    writers.seen.records > seenBefore.records && writers.seen.looks > seenBefore.looks,
    "the writers were not watched",
  );
  const isNeverPublished = [unused, snapshotted].includes(point.life.run);
  assert.ok(isNeverPublished || writers.seen.mounts > seenBefore.mounts, "no mount was seen");
  assert.ok(isNeverPublished || replicas.seen.replicas > seenBefore.replicas, "no replica was seen");
}

/** What kills a plug-in in the middle of a step, with the command that it runs. */
function pathWithDeath({ step, fsType }: CrashPoint): (folder: string, mark: string) => Promise<string> {
  return step === "freeze"
    ? pathWithKilledHolder
    : (folder, mark) => pathWithCutOffFormat(fsType, folder, mark);
}

/** Records the present activity for the message of a failure. */
function rememberPhases(): { readonly timeline: Timeline; readonly phase: () => string } {
  let current = "nothing";
  const timeline: Timeline = {
    measure: async (name, act) => {
      current = name;
      return act();
    },
    phases: [],
    sum: () => ({ ms: 0, armCalls: 0 }),
  };
  return { timeline, phase: () => current };
}

async function within<T>(work: Promise<T>, timeoutMs: number, what: () => string): Promise<T> {
  const done = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: done.signal }).then(
    () => Promise.reject(new Error(`not done within ${timeoutMs} ms: ${what()}`)),
    () => work,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

/** Polls until nothing is left, and returns the rest when time is over. */
async function settled(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  let left: readonly string[] = [];
  try {
    return await waitUntil("nothing to be left", BARRIER_MAX_MS, async () => {
      left = await look();
      return left.length === 0 ? left : undefined;
    });
  } catch (error) {
    if (left.length === 0) throw error;
    return left;
  }
}

async function leaks(lab: Lab, signal: AbortSignal): Promise<readonly string[]> {
  const checkpoints = await Promise.all(
    [...lab.nodes.keys()].map(async (nodeName) =>
      [...(await checkpointedEpochs(lab, nodeName)).keys()].map(
        (volumeName) => `a checkpoint of ${volumeName} on ${nodeName}`,
      ),
    ),
  );
  return [...(await leftovers(lab, signal)), ...checkpoints.flat()];
}

/** A crash must not look like a rollback of the store. */
async function distrust(lab: Lab, signal: AbortSignal): Promise<readonly string[]> {
  const listed = await lab.store.list("AzDriverNode", {}, signal);
  if (!listed.ok) throw new Error(listed.failure.kind);
  return listed.value.items.flatMap((node) =>
    (node.status?.conditions ?? []).map(
      (condition) => `${node.metadata.name}: ${condition.type}: ${condition.message}`,
    ),
  );
}

import { unlessAborted } from "../../../src/runtime/unless-aborted.ts";
import type { Pod } from "../api/api-objects.ts";
import { between } from "../api/between.ts";
import { createLifetime } from "../api/lifetime.ts";
import type { Container } from "./container-runtime.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import type { VolumeManager } from "./volume-manager.ts";

/** Sandbox and container, as on the testbed: 120 to 300, and 137 to 180 ms. */
const START_MS = [260, 480] as const;
/** From the order to end until the container receives it. */
const STOP_MS = [20, 80] as const;
/** The kubelet notices the end of a container only in its periodic relist (PLEG), once a second. */
const PLEG_MS = 1_000;
/** CrashLoopBackOff. */
const CRASH_BACKOFF = { baseMs: 10_000, maxMs: 300_000 } as const;

const TERMINATING = new Error("the pod is terminating");

/** Manages one pod on its node. */
export interface PodWorker {
  /** The pod is deleted, or its object is gone: it has to end. */
  terminate(): void;
}

/**
 * Begins with a pod: volume, container, Running; and on request: container stopped, volume unmounted, and
 * last of all the pod's object deleted. `ended` is called then.
 */
export function startPodWorker(
  context: KubeletContext,
  volumes: VolumeManager,
  pod: Pick<Pod, "name" | "uid" | "volumeName">,
  ended: () => void,
): PodWorker {
  const { api, clock, random, tasks, trace, runtime, nodeName } = context;
  const { name, uid, volumeName } = pod;
  const life = createLifetime(tasks.signal);

  async function run(signal: AbortSignal): Promise<void> {
    // Its status is that of its containers, whatever its volumes still wait for.
    const isUnreported = runtime.get(uid) !== undefined && api.get("Pod", name)?.phase !== "Running";
    if (isUnreported) await writeStatus({ phase: "Running", isReady: true }, signal);
    const path = await volumes.mount(pod, signal);
    for (let crashes = 0; ; crashes += 1) {
      const container = runtime.get(uid) ?? (await start(path, signal));
      await writeStatus({ phase: "Running", isReady: true }, signal);
      await unlessAborted(container.ended, signal);
      trace.note(volumeName, `the container of pod ${uid} on ${nodeName} has failed`);
      await writeStatus({ isReady: false }, signal);
      await clock.sleep(Math.min(CRASH_BACKOFF.baseMs * 2 ** crashes, CRASH_BACKOFF.maxMs), signal);
    }
  }

  async function start(path: string, signal: AbortSignal): Promise<Container> {
    await writeStatus({ isReady: false }, signal);
    await clock.sleep(between(random, START_MS), signal);
    const { access = "mount", isShared = false } = context.files.volumes.get(volumeName) ?? {};
    trace.note(volumeName, `the container of pod ${uid} starts on ${nodeName}`);
    return runtime.start({ volumeName, podName: name, podUid: uid, path, access, isShared });
  }

  async function end(signal: AbortSignal): Promise<void> {
    const container = runtime.get(uid);
    if (container !== undefined) {
      await clock.sleep(between(random, STOP_MS), signal);
      container.stop();
      await unlessAborted(container.ended, signal);
      trace.note(volumeName, `the container of pod ${uid} on ${nodeName} has ended`);
    }
    await writeStatus({ isStopped: true, isReady: false }, signal);
    await volumes.unmount(uid, volumeName, signal);
    await clock.sleep(between(random, [0, PLEG_MS]), signal);
    await context.untilReachable(signal);
    ended();
    if (api.get("Pod", name)?.uid !== uid) return;
    api.remove("Pod", name);
    trace.note(volumeName, `pod ${uid} on ${nodeName} is gone`);
  }

  /** Writes the pod's status, if something changes, and if it is still that pod. */
  async function writeStatus(status: Partial<Pod>, signal: AbortSignal): Promise<void> {
    await context.untilReachable(signal);
    const present = api.get("Pod", name);
    if (
      present?.uid !== uid ||
      Object.entries(status).every(([field, value]) => present[field as keyof Pod] === value)
    )
      return;
    api.change("Pod", name, status);
  }

  tasks.start(async (signal) => {
    try {
      await run(life.signal);
    } catch (error) {
      if (error !== TERMINATING) throw error;
    }
    await end(signal);
  });
  return { terminate: () => life.end(TERMINATING) };
}

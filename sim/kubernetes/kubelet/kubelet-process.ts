import type { ApiChange, Pod } from "../api/api-objects.ts";
import type { KubeletContext } from "./kubelet-context.ts";
import { runNodeStatus } from "./node-status.ts";
import { type PodWorker, startPodWorker } from "./pod-worker.ts";
import { createVolumeManager } from "./volume-manager.ts";

/**
 * One process of a kubelet: takes over from an earlier one, then manages the pods of its node until
 * `tasks` end.
 */
export async function runKubeletProcess(context: KubeletContext, nowMs: () => number): Promise<void> {
  const { view, nodeName, runtime, tasks } = context;
  const { signal } = tasks;
  const volumes = createVolumeManager(context);
  const workers = new Map<string, PodWorker>();

  function look(pod: Pick<Pod, "name" | "uid" | "volumeName">, mustEnd: boolean): void {
    const worker =
      workers.get(pod.uid) ?? startPodWorker(context, volumes, pod, () => workers.delete(pod.uid));
    workers.set(pod.uid, worker);
    if (mustEnd) worker.terminate();
  }

  function handle(change: ApiChange): void {
    if (change.kind === "Node") volumes.wake();
    if (change.kind === "PersistentVolume") volumes.wake(change.name);
    if (change.kind !== "Pod") return;
    const { previous, current } = change;
    if (previous !== undefined && previous.uid !== current?.uid) workers.get(previous.uid)?.terminate();
    if (current?.nodeName === nodeName) look(current, current.isDeleted);
  }

  volumes.reconstruct();
  view.onChange(handle);
  await view.untilSynced(signal);
  // Containers whose pods are gone from the API are ended like those of a deleted pod; until then their
  // volumes stay.
  for (const container of runtime.list()) {
    if (workers.has(container.podUid)) continue;
    volumes.hold(container.podUid, container.volumeName);
    look({ name: container.podName, uid: container.podUid, volumeName: container.volumeName }, true);
  }
  volumes.begin();
  await runNodeStatus(context, volumes, nowMs, signal);
}

import { podNamesOf } from "../api/api-objects.ts";
import { type ControlPlane, deletePod } from "./control-plane.ts";

/** How long it waits after the API server has refused a pod, in milliseconds. */
const REFUSED_MS = 1_000;

/**
 * Keeps the pods of each StatefulSet: a new one of the same name only once the object of the last one is
 * gone. A pod without its StatefulSet is deleted.
 */
export function runStatefulSetController(plane: ControlPlane): void {
  const { api, view, clock, random, tasks, trace } = plane;

  function reconcile(volumeName: string): void {
    const set = view.get("StatefulSet", volumeName);
    // Of a StatefulSet that is gone only the pods show how many it had.
    const names =
      set === undefined
        ? [...view.list("Pod")].filter((pod) => pod.volumeName === volumeName).map(({ name }) => name)
        : podNamesOf(set);
    for (const name of names) reconcilePod(volumeName, name, set?.pods ?? 0);
  }

  function reconcilePod(volumeName: string, name: string, requested: 0 | 1): void {
    const pod = view.get("Pod", name);
    if (requested === 0 && pod !== undefined) deletePod(plane, name, "it is not requested any more");
    if (requested === 0 || pod !== undefined) return;
    // The API server refuses a second object of that name.
    if (api.get("Pod", name) !== undefined) return tryAgain(volumeName);
    const uid = random.uuid().slice(0, 8);
    api.put("Pod", {
      name,
      uid,
      volumeName,
      nodeName: undefined,
      phase: "Pending",
      isReady: false,
      isStopped: false,
      isDeleted: false,
    });
    trace.note(volumeName, `pod ${uid} is created`);
  }

  /** The view may never show the pod that was there. */
  function tryAgain(volumeName: string): void {
    tasks.start(async (signal) => {
      await clock.sleep(REFUSED_MS, signal);
      await api.untilReachable(signal);
      reconcile(volumeName);
    });
  }

  view.onChange((change) => {
    if (change.kind === "StatefulSet") reconcile(change.name);
    if (change.kind === "Pod") reconcile((change.current ?? change.previous)?.volumeName ?? "");
  });
}

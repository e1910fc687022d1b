import { podNameOf } from "../api/api-objects.ts";
import { type ControlPlane, deletePod } from "./control-plane.ts";

/**
 * Keeps the pod of each StatefulSet: a new one of the same name only once the object of the last one is
 * gone. A pod without its StatefulSet is deleted.
 */
export function runStatefulSetController(plane: ControlPlane): void {
  const { api, view, random, trace } = plane;

  function reconcile(volumeName: string): void {
    const name = podNameOf(volumeName);
    const requested = view.get("StatefulSet", volumeName)?.pods ?? 0;
    const pod = view.get("Pod", name);
    if (requested === 0 && pod !== undefined) deletePod(plane, name, "it is not requested any more");
    // The API server refuses a second object of that name.
    if (requested === 0 || pod !== undefined || api.get("Pod", name) !== undefined) return;
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

  view.onChange((change) => {
    if (change.kind === "StatefulSet") reconcile(change.name);
    if (change.kind === "Pod") reconcile((change.current ?? change.previous)?.volumeName ?? "");
  });
}

import type { Pod } from "../api/api-objects.ts";
import { between } from "../api/between.ts";
import type { ControlPlane } from "./control-plane.ts";

/** How often it looks. */
const PERIOD_MS = 20_000;
/** How long the Node of a pod must have been gone. */
const QUARANTINE_MS = 40_000;

/**
 * PodGC: removes, whatever their kubelet reports, deleted pods of nodes that are out of service and not
 * ready, and pods of nodes that are gone. It looks only while there are any.
 */
export function runPodCollector({ api, view, clock, random, tasks, trace }: ControlPlane): void {
  const phaseMs = between(random, [0, PERIOD_MS - 1]);
  const missingSinceMs = new Map<string, number>();
  let isLooking = false;

  function isOrphan(pod: Pod): boolean {
    return pod.nodeName !== undefined && view.get("Node", pod.nodeName) === undefined;
  }

  function isLost(pod: Pod): boolean {
    const node = view.get("Node", pod.nodeName ?? "");
    return pod.isDeleted && node !== undefined && node.isOutOfService && !node.isReady;
  }

  function candidates(): readonly Pod[] {
    return [...view.list("Pod")].filter((pod) => isOrphan(pod) || isLost(pod));
  }

  function look(pods: readonly Pod[]): void {
    const nowMs = clock.elapsedMs();
    const missing = new Set(pods.filter(isOrphan).map(({ nodeName = "" }) => nodeName));
    for (const nodeName of [...missingSinceMs.keys()])
      if (!missing.has(nodeName)) missingSinceMs.delete(nodeName);
    for (const pod of pods) {
      const sinceMs = missingSinceMs.get(pod.nodeName ?? "") ?? nowMs;
      if (isOrphan(pod)) missingSinceMs.set(pod.nodeName ?? "", sinceMs);
      const isDue = isLost(pod) || nowMs - sinceMs >= QUARANTINE_MS;
      if (!isDue || api.get("Pod", pod.name)?.uid !== pod.uid) continue;
      api.remove("Pod", pod.name);
      trace.note(
        pod.volumeName,
        `pod ${pod.uid} is removed: its node ${pod.nodeName ?? ""} is ` +
          `${isLost(pod) ? "out of service" : "gone"}`,
      );
    }
  }

  function untilNextMs(): number {
    return PERIOD_MS - ((Math.floor(clock.elapsedMs()) + phaseMs) % PERIOD_MS);
  }

  function begin(): void {
    if (isLooking || candidates().length === 0) return;
    isLooking = true;
    tasks.start(async (signal) => {
      for (let pods = candidates(); pods.length > 0; pods = candidates()) {
        await clock.sleep(untilNextMs(), signal);
        await api.untilReachable(signal);
        look(candidates());
      }
      isLooking = false;
      missingSinceMs.clear();
    });
  }

  view.onChange((change) => {
    if (change.kind === "Pod" || change.kind === "Node") begin();
  });
}

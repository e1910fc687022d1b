import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import type { Trace } from "../../trace.ts";
import type { ApiServer } from "../api/api-server.ts";
import type { ApiView } from "../api/api-view.ts";
import type { TaskGroup } from "../api/task-group.ts";

/**
 * What a controller works with: it reads its view, and writes to the API server on condition of the
 * present state.
 */
export interface ControlPlane {
  readonly api: ApiServer;
  readonly view: ApiView;
  readonly clock: Clock;
  readonly random: Random;
  readonly tasks: TaskGroup;
  readonly trace: Trace;
}

/**
 * Begins deleting a pod: one that was never bound to a node goes at once, all others when their kubelet
 * says so.
 */
export function deletePod(
  { api, trace }: Pick<ControlPlane, "api" | "trace">,
  name: string,
  why: string,
): void {
  const pod = api.get("Pod", name);
  if (pod === undefined || pod.isDeleted) return;
  trace.note(pod.volumeName, `pod ${pod.uid} on ${pod.nodeName ?? "no node"} is deleted: ${why}`);
  if (pod.nodeName === undefined) api.remove("Pod", name);
  else api.change("Pod", name, { isDeleted: true, isReady: false });
}

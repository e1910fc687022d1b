import { fail, ok } from "../../../src/core/failure/result.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { Random } from "../../../src/ports/random.ts";
import { unlessAborted } from "../../../src/runtime/unless-aborted.ts";
import type { ApiServer } from "../api/api-server.ts";
import { type ApiView, createApiView } from "../api/api-view.ts";
import { between } from "../api/between.ts";
import type { Switch } from "../api/switch.ts";
import { createTaskGroup } from "../api/task-group.ts";
import type { ClusterConnection, ClusterObserver } from "../sim-cluster.ts";
import type { CallApi } from "./call-api.ts";
import { createClusterVolumes } from "./sim-cluster-volumes.ts";
import { createNodeMarks } from "./sim-node-marks.ts";
import { createOwnNode } from "./sim-own-node.ts";
import { createVolumeUsers } from "./sim-volume-users.ts";

/** One way to the API server or back. */
const ONE_WAY_MS = [1, 10] as const;

/** What processes of one name see of the cluster, whichever of them runs. */
export interface Sight {
  readonly reachable: Switch;
  /** Off: no change is delivered. */
  readonly delivering: Switch;
  delayMs: readonly [min: number, max: number];
}

/** How one process of the driver follows the cluster. */
export function connectToCluster(options: {
  readonly api: ApiServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly sight: Sight;
  readonly observer: ClusterObserver;
  readonly onFailure: (error: unknown) => void;
}): ClusterConnection {
  const { api, clock, random, sight, observer } = options;
  const runs = async (signal: AbortSignal): Promise<void> => {
    if (observer.gate?.isShut() === true) await unlessAborted(observer.gate.passed(), signal);
  };
  const tasks = createTaskGroup(observer.lifetime, options.onFailure);
  let view: ApiView | undefined;

  /** Starts with the first reader: a node plug-in follows nothing of the cluster. */
  function followed(): ApiView {
    view ??= createApiView({
      api,
      clock,
      random,
      tasks,
      delayMs: () => sight.delayMs,
      untilReachable: async (signal) => {
        while (!api.isReachable() || !sight.reachable.isOn() || !sight.delivering.isOn()) {
          await api.untilReachable(signal);
          await sight.reachable.untilOn(signal);
          await sight.delivering.untilOn(signal);
        }
        await runs(signal);
      },
      kinds: ["Pod", "Claim", "PersistentVolume", "Node", "VolumeAttachment"],
      followsRestores: true,
    });
    return view;
  }

  const callApi: CallApi = async (call, signal) => {
    try {
      await clock.sleep(between(random, ONE_WAY_MS), signal);
      const isAnswered = api.isReachable() && sight.reachable.isOn();
      const value = isAnswered ? call() : undefined;
      await clock.sleep(between(random, ONE_WAY_MS), signal);
      await runs(signal);
      return isAnswered
        ? ok(value as ReturnType<typeof call>)
        : fail({ kind: "StoreUnavailable", detail: "the API server does not answer" });
    } catch (error) {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      throw error;
    }
  };

  return {
    users: () => createVolumeUsers(followed(), api, callApi),
    marks: () => createNodeMarks(api, callApi),
    volumes: () => createClusterVolumes(followed(), api, callApi),
    ownNode: (nodeName) => createOwnNode(nodeName, api, callApi),
  };
}

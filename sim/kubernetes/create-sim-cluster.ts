import { unlessAborted } from "../../src/runtime/unless-aborted.ts";
import { type ApiChange, type ApiKind, newNode } from "./api/api-objects.ts";
import { type ApiReads, type ApiServer, createApiServer } from "./api/api-server.ts";
import { createApiView } from "./api/api-view.ts";
import { between } from "./api/between.ts";
import { createLifetime, type Lifetime } from "./api/lifetime.ts";
import { createStaleReads } from "./api/stale-reads.ts";
import { createSwitch } from "./api/switch.ts";
import { createTaskGroup, type TaskGroup } from "./api/task-group.ts";
import { runAttachDetachController } from "./controllers/attach-detach-controller.ts";
import { runClaimProtection } from "./controllers/claim-protection.ts";
import type { ControlPlane } from "./controllers/control-plane.ts";
import { runNodeLifecycle } from "./controllers/node-lifecycle.ts";
import { runPodCollector } from "./controllers/pod-collector.ts";
import { runScheduler } from "./controllers/scheduler.ts";
import { runStatefulSetController } from "./controllers/stateful-set-controller.ts";
import { connectToCluster, type Sight } from "./driver-view/cluster-connection.ts";
import { watchEndpoints } from "./judge/watch-endpoints.ts";
import { createKubelets } from "./kubelet/kubelets.ts";
import { createOperator } from "./operator.ts";
import { runExternalAttacher } from "./sidecars/external-attacher.ts";
import { type BegunCreation, runExternalProvisioner } from "./sidecars/external-provisioner.ts";
import { type AllocatedSizes, runExternalResizer } from "./sidecars/external-resizer.ts";
import { runExternalSnapshotter } from "./sidecars/external-snapshotter.ts";
import { type BegunClasses, runModifyController } from "./sidecars/modify-controller.ts";
import type { SimCluster, SimClusterOptions } from "./sim-cluster.ts";
import { unfinishedIn } from "./unfinished.ts";

/** How late Kubernetes' own parts see changes, in milliseconds. */
const CONTROLLER_DELAY_MS = [2, 40] as const;
/** How late the driver's processes see changes, unless stated otherwise. */
const PROCESS_DELAY_MS = [0, 200] as const;
/** From a sidecar's end until it calls again. */
const SIDECAR_START_MS = [500, 3_000] as const;
const TOLERATION_MS = 300_000;
const STATUS_TICK_MS = 10_000;
const LOCATION = "eastus";
/** How long a caller by hand waits for its answer. */
const CALL_TIMEOUT_MS = 60_000;
/** How often the cloud's controller checks whether machines still exist. */
const CLOUD_MONITOR_MS = 5_000;

/** What Kubernetes' own parts and the sidecars of volumes watch. */
const CORE_KINDS = ["Pod", "Node", "StatefulSet", "Claim", "PersistentVolume", "VolumeAttachment"] as const;

const RESTARTED = new Error("the sidecars are started again");
const MANAGER_RESTARTED = new Error("kube-controller-manager is started again");
const RESTORED = new Error("a backup of etcd is restored");

/** A simulated Kubernetes, with its Nodes and nothing on them. It runs while `run` does. */
export function createSimCluster(options: SimClusterOptions): SimCluster {
  const { clock, trace, machineOf, attach, location = LOCATION } = options;
  const random = options.random("cluster");
  const api = createApiServer();
  const whole = new AbortController();
  const failed = Promise.withResolvers<never>();
  const onFailure = (error: unknown): void => failed.reject(error);
  const operator = createOperator({ api, trace, random });
  const endpoints = watchEndpoints({
    endpoints: options.endpoints,
    machineOf,
    trace,
    nowMs: () => clock.elapsedMs(),
    report: options.report,
    isTakenByOthers: options.isTakenByOthers,
    snapshots: options.snapshots,
    copies: options.copies,
    isInAzure: options.isInAzure,
    skuOf: options.skuOf,
    volumeNameOf: (volumeId) => volumeId.slice(volumeId.lastIndexOf("/") + 1),
    onCreated: (volumeId) => {
      const key = volumeId.toLowerCase();
      if (!createdAtMs.has(key)) createdAtMs.set(key, clock.elapsedMs());
    },
    onDeleteVolume: (volumeId) => {
      const key = volumeId.toLowerCase();
      if (!deletionsRequestedAtMs.has(key)) deletionsRequestedAtMs.set(key, clock.elapsedMs());
    },
  });
  const deletionsRequestedAtMs = new Map<string, number>();
  const createdAtMs = new Map<string, number>();
  const containersOn: SimCluster["containersOn"] = (nodeName) => {
    // A kubelet ends the pods that are bound to its earlier name.
    const bound = api.list("Pod").filter((pod) => pod.nodeName === nodeName);
    const uids = new Set(bound.map(({ uid }) => uid));
    return kubelets
      .containersOn(nodeName)
      .map(({ podUid, volumeName }) => ({ podUid, volumeName, isInApi: uids.has(podUid) }));
  };
  const kubelets = createKubelets({
    api,
    clock,
    random: options.random,
    trace,
    endpoints,
    containers: options.containers,
    attach,
    statusTickMs: options.statusTickMs ?? STATUS_TICK_MS,
    location,
    signal: whole.signal,
    onFailure,
  });
  const sights = new Map<string, Sight>();
  const begun = new Map<string, BegunCreation>();
  const begunClasses: BegunClasses = new Map();
  const allocatedSizes: AllocatedSizes = new Map();
  const failovers = countFailovers(api);
  let manager: Lifetime | undefined;
  let scheduler: Lifetime | undefined;
  let sidecars: Lifetime | undefined;

  for (const { name, zone } of options.nodes) {
    kubelets.add(name, zone);
    api.put(
      "Node",
      newNode({ name, uid: random.uuid(), zone, location, instanceUri: options.instanceUriOf(name) }),
    );
    api.renewLease(name, clock.elapsedMs());
  }

  function sightOf(processName: string): Sight {
    const present = sights.get(processName) ?? {
      reachable: createSwitch(),
      delivering: createSwitch(),
      delayMs: PROCESS_DELAY_MS,
    };
    sights.set(processName, present);
    return present;
  }

  function planeOf(
    name: string,
    tasks: TaskGroup,
    kinds: readonly ApiKind[] = CORE_KINDS,
    reads: ApiReads = api,
  ): ControlPlane {
    const own = options.random(name);
    const delayMs = (): typeof CONTROLLER_DELAY_MS => CONTROLLER_DELAY_MS;
    const view = createApiView({
      api: reads,
      clock,
      random: own,
      tasks,
      delayMs,
      untilReachable: api.untilReachable,
      kinds,
    });
    return { api, view, clock, random: own, tasks, trace };
  }

  function startManager(reads: ApiReads = api): void {
    manager?.end(MANAGER_RESTARTED);
    manager = createLifetime(whole.signal);
    const tasks = createTaskGroup(manager.signal, onFailure);
    const plane = planeOf("kube-controller-manager", tasks, CORE_KINDS, reads);
    runStatefulSetController(plane);
    runClaimProtection(plane);
    runNodeLifecycle(plane, options.tolerationMs ?? TOLERATION_MS);
    runPodCollector(plane);
    if (attach === "kubernetes") runAttachDetachController(plane, options);
  }

  function startScheduler(): void {
    scheduler = createLifetime(whole.signal);
    const tasks = createTaskGroup(scheduler.signal, onFailure);
    runScheduler(planeOf("kube-scheduler", tasks), options.rankNodes);
  }

  function startSidecars(reads: ApiReads = api): void {
    sidecars = createLifetime(whole.signal);
    const tasks = createTaskGroup(sidecars.signal, onFailure);
    tasks.start(async (signal) => {
      await clock.sleep(between(random, SIDECAR_START_MS), signal);
      const sidecar = { ...planeOf("sidecars", tasks, CORE_KINDS, reads), controller: endpoints.controller };
      if (attach === "kubernetes") runExternalAttacher(sidecar);
      runExternalProvisioner(sidecar, { location, begun });
      runExternalResizer(sidecar, allocatedSizes);
      runModifyController(sidecar, begunClasses);
      runExternalSnapshotter({ ...sidecar, ...planeOf("csi-snapshotter", tasks, ["VolumeSnapshot"]) });
    });
  }

  function restartSidecars(reads: ApiReads = api): void {
    sidecars?.end(RESTARTED);
    if (!whole.signal.aborted && sidecars !== undefined) startSidecars(reads);
  }

  return {
    ...operator,
    run: async (signal) => {
      startManager();
      startScheduler();
      startSidecars();
      options.onMachine((machine) => kubelets.meet(machine));
      for (const { name } of options.nodes) meet(name);
      try {
        await unlessAborted(failed.promise, signal);
      } catch (error) {
        whole.abort(error);
        if (error !== signal.reason) throw error;
      }
    },
    retireNode: (nodeName) =>
      createTaskGroup(whole.signal, onFailure).start(async (signal) => {
        while (machineOf(nodeName) !== undefined) await clock.sleep(CLOUD_MONITOR_MS, signal);
        operator.deleteNode(nodeName);
      }),
    addNode: (nodeName, zone) => {
      kubelets.add(nodeName, zone);
      meet(nodeName);
    },
    setKubeletReachable: (nodeName, isReachable) => kubelets.setReachable(nodeName, isReachable),
    setKubeletRunning: (nodeName, isRunning) => kubelets.setRunning(nodeName, isRunning),
    forgetContainer: (nodeName, volumeName) => {
      const container = kubelets.forgetContainer(nodeName, volumeName);
      if (container === undefined) return undefined;
      trace.note(
        volumeName,
        `the container of pod ${container.podUid} on ${nodeName} is forgotten, and runs on`,
      );
      return () => container.stop();
    },
    setApiReachable: (isReachable) => api.setReachable(isReachable),
    setProcessReachable: (processName, isReachable) => sightOf(processName).reachable.set(isReachable),
    setViewDelay: (processName, delayMs) => {
      sightOf(processName).delayMs = delayMs;
    },
    holdView: (processName, isHeld) => sightOf(processName).delivering.set(!isHeld),
    restartSidecars: () => restartSidecars(),
    restartControllerManager: () => startManager(),
    fallBehind: (kinds) => {
      const reads = createStaleReads(api, kinds);
      return {
        restartControllerManager: () => startManager(reads),
        restartSidecars: () => restartSidecars(reads),
        restartKubelet: (nodeName) => kubelets.restart(nodeName, reads),
        catchUp: reads.catchUp,
      };
    },
    backUp: () => {
      const objects = api.snapshot();
      return () => {
        manager?.end(RESTORED);
        scheduler?.end(RESTORED);
        trace.note("API server", "goes back to a backup");
        api.restore(objects);
        if (whole.signal.aborted || manager === undefined) return;
        startManager();
        startScheduler();
      };
    },
    callDeleteVolume: (volumeName) =>
      createTaskGroup(whole.signal, onFailure).start(async (signal) => {
        const volumeId = api.get("PersistentVolume", volumeName)?.volumeId;
        if (volumeId !== undefined)
          await endpoints
            .controller()
            ?.deleteVolume({ volumeId, secrets: {} }, { timeoutMs: CALL_TIMEOUT_MS, signal });
      }),
    connect: (observer) =>
      connectToCluster({
        api,
        clock,
        random: options.random(`view of ${observer.processName}`),
        sight: sightOf(observer.processName),
        observer,
        onFailure,
      }),
    workloads: () => api.list("Claim").map(({ workload, sizeGiB }) => ({ ...workload, sizeGiB })),
    pods: () => api.list("Pod"),
    onPodGone: (listener) => {
      api.onChange(({ kind, previous, current }) => {
        if (kind === "Pod" && previous !== undefined && previous.uid !== current?.uid) listener(previous);
      });
    },
    onNodeChange: (listener) => {
      api.onChange((change) => {
        if (change.kind === "Node") listener(change.previous, change.current);
      });
    },
    nodes: () => api.list("Node"),
    volumeAttachments: () => api.list("VolumeAttachment"),
    volumeSnapshots: () => api.list("VolumeSnapshot"),
    diskUriOf: (volumeName) => api.get("PersistentVolume", volumeName)?.volumeId,
    sizeOf: (volumeName) => api.get("PersistentVolume", volumeName)?.sizeGiB,
    grantedTo: (volumeName) => {
      const last = allocatedSizes.get(api.get("Claim", volumeName)?.uid ?? "");
      return last?.state === "granted" ? last.sizeGiB : undefined;
    },
    containersOn,
    usersOn: (nodeName) => {
      const running = containersOn(nodeName);
      const admitted = api.list("Pod").filter((pod) => pod.nodeName === nodeName && !pod.isDeleted);
      const starting = kubelets
        .publishedOn(nodeName)
        .filter(
          ({ podUid }) =>
            admitted.some(({ uid }) => uid === podUid) &&
            !running.some((container) => container.podUid === podUid),
        );
      return [...running, ...starting.map((pod) => ({ ...pod, isInApi: true }))];
    },
    createdAtMs: (volumeId) => createdAtMs.get(volumeId.toLowerCase()),
    deletionRequestedAtMs: (volumeId) => deletionsRequestedAtMs.get(volumeId.toLowerCase()),
    failovers,
    unfinished: () => unfinishedIn(api, begunClasses),
  };

  function meet(nodeName: string): void {
    const machine = machineOf(nodeName);
    if (machine !== undefined) kubelets.meet(machine);
  }
}

/** Counts how often a pod became Running on another node than the one before it. */
function countFailovers(api: ApiServer): () => number {
  const ranOn = new Map<string, string>();
  let count = 0;
  api.onChange((change: ApiChange) => {
    if (change.kind !== "Pod" || change.current?.phase !== "Running" || change.previous?.phase === "Running")
      return;
    const { name, nodeName = "" } = change.current;
    const before = ranOn.get(name);
    if (before !== undefined && before !== nodeName) count += 1;
    ranOn.set(name, nodeName);
  });
  return () => count;
}

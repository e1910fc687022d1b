import assert from "node:assert/strict";
import { createGate, gatedClock, gatedStore } from "../../sim/driver/gate.ts";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createClusterNodeVolumeUsers } from "../../src/adapters/embedded/cluster-node-volume-users.ts";
import { noClusterVolumes } from "../../src/adapters/embedded/no-cluster-volumes.ts";
import {
  createSimulatedStore,
  type SimulatedCommit,
  type SimulatedHandle,
  type SimulatedStore,
} from "../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { assembleController, CONTROLLER_KINDS } from "../../src/compose/assemble-controller.ts";
import { aDriverNode } from "../../src/controller/testing/a-driver-node.ts";
import type { AzDriverNode } from "../../src/core/api/az-driver-node.ts";
import { defaultDriverName } from "../../src/core/api/driver-name.ts";
import { defaultElectionSettings } from "../../src/core/election/plan-candidacy.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { settings } from "../../src/core/testing/objects.ts";
import { must } from "../../src/core/testing/value-of.ts";
import type { controllerHandlers } from "../../src/csi/controller/controller-handlers.ts";
import { defaultControllerServiceLimits } from "../../src/csi/testing/default-limits.ts";
import { type ComputeModel, createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addResourceGroup, addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import { followStore } from "../../src/objects/cache/follow-store.ts";
import type { ClusterVolumes } from "../../src/ports/cluster/cluster-volumes.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import { LeaseHighWaterMark } from "../../src/runtime/election/lease-high-water-mark.ts";

const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
const RESOURCE_GROUP = "rg";
const LOCATION = "eastus";
/** The limit of any step in these tests, in milliseconds of virtual time. */
const LIMIT_MS = 600_000;
/** The model of Azure moves only when it is called. */
const STEP_MS = 200;
const HEARTBEAT_MS = 10_000;
const never = new AbortController().signal;

/** A whole controller process: CSI's controller service, and the reconcilers while it leads. */
export interface ControllerProcess {
  readonly name: string;
  readonly csi: Required<ReturnType<typeof controllerHandlers>>;
  isLeading(): boolean;
  pause(): void;
  resume(): void;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
}

/**
 * Controllers with one store and one Azure, on a virtual clock. Nodes are simulated by their AzDriverNodes;
 * no node stages anything.
 */
export interface ControllersWorld {
  readonly clock: VirtualClock;
  readonly simulated: SimulatedStore;
  readonly model: ComputeModel;
  /** The writes, in order. */
  readonly commits: readonly SimulatedCommit[];
  start(name: string, clusterVolumes?: ClusterVolumes): ControllerProcess;
  /** Adds a VM and the AzDriverNode of its node plug-in, with a heartbeat. */
  addNode(nodeName: string): Promise<void>;
  /** Lets time pass until the promise has settled. */
  answerOf<T>(promise: Promise<T>): Promise<T>;
  /** Lets time pass until the call succeeds; it is repeated after the errors that CSI's sidecars retry. */
  served<T>(call: () => Promise<Result<T>>): Promise<T>;
  until(what: string, isReached: () => boolean): Promise<void>;
  /** Names of the disks in a VM's list. */
  disksOn(nodeName: string): readonly string[];
}

/** Runs `act` in a separate world. */
export async function withControllers(act: (world: ControllersWorld) => Promise<void>): Promise<void> {
  const clock = createVirtualClock();
  const simulated = createSimulatedStore({
    clock,
    random: createSeededRandom(7),
    weather: { callDelayMs: [1, 5], watchDelayMs: [0, 20] },
  });
  const model = createComputeModel({ clock });
  addResourceGroup(model.world, {
    subscriptionId: SUBSCRIPTION_ID,
    name: RESOURCE_GROUP,
    location: LOCATION,
  });
  const commits: SimulatedCommit[] = [];
  simulated.onCommit((commit) => commits.push(commit));
  const processes: ControllerProcess[] = [];
  const ending = new AbortController();
  const beating: Promise<void>[] = [];

  async function until(what: string, isReached: () => boolean): Promise<void> {
    for (let passedMs = 0; passedMs < LIMIT_MS; passedMs += STEP_MS) {
      model.advanceTo(clock.nowMs());
      if (await clock.runUntil(isReached, STEP_MS)) return;
    }
    assert.fail(`${what}: not reached`);
  }

  async function answerOf<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    await until("an answer", () => isSettled);
    return promise;
  }

  /** Its plug-in is healthy: a starting controller waits for the nodes' heartbeats. */
  async function beat(plugin: SimulatedHandle, registered: AzDriverNode): Promise<void> {
    for (let node = registered; !ending.signal.aborted;) {
      await clock.sleep(HEARTBEAT_MS, ending.signal).catch(() => undefined);
      if (ending.signal.aborted || node.status === undefined) return;
      const status = { ...node.status, heartbeat: node.status.heartbeat + 1 };
      node = await must(plugin.updateStatus("AzDriverNode", { ...node, status }, never));
    }
  }

  const world: ControllersWorld = {
    clock,
    simulated,
    model,
    commits,
    start: (name, clusterVolumes = noClusterVolumes) => {
      const started = startController({
        name,
        clusterVolumes,
        clock,
        simulated,
        model,
        seed: processes.length + 1,
        answerOf,
      });
      processes.push(started);
      return started;
    },
    addNode: async (nodeName) => {
      const added = addVirtualMachine(model.world, {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        location: LOCATION,
        name: vmNameOf(nodeName),
        zone: "1",
        size: "Standard_D8s_v5",
      });
      assert.equal(added.kind, "Added");
      const { spec, status } = aDriverNode(nodeName, {
        vmId: vmOf(nodeName).vmGuid,
        instanceUri: vmUriOf(nodeName),
      });
      const kubelet = simulated.handle(nodeName);
      kubelet.setWeather({ callDelayMs: [0, 0] });
      const created = await must(
        kubelet.create("AzDriverNode", { metadata: { name: nodeName }, spec }, never),
      );
      const registered = await must(
        kubelet.updateStatus(
          "AzDriverNode",
          { ...created, ...(status === undefined ? {} : { status }) },
          never,
        ),
      );
      beating.push(beat(kubelet, registered));
    },
    answerOf,
    served: async (call) => {
      for (let attempt = 1; ; attempt += 1) {
        const answer = await answerOf(call());
        if (answer.ok) return answer.value;
        const isUnderWay = ["OperationInProgress", "StillWaiting"].includes(answer.failure.kind);
        assert.ok(isUnderWay && attempt < 100, JSON.stringify(answer.failure));
        await clock.advance(STEP_MS);
      }
    },
    until,
    disksOn: (nodeName) => {
      model.advanceTo(clock.nowMs());
      return vmOf(nodeName).dataDisks.map((entry) => entry.name);
    },
  };

  function vmOf(nodeName: string): {
    readonly vmGuid: string;
    readonly dataDisks: readonly { readonly name: string }[];
  } {
    const vm = findVm(model.world, vmUriOf(nodeName));
    assert.ok(vm !== undefined, `there is no VM ${nodeName}`);
    return vm;
  }

  try {
    await act(world);
  } finally {
    ending.abort();
    await answerOf(Promise.all(beating));
    for (const started of processes) {
      started.resume();
      await started.stop();
    }
  }
}

/** VMs are identified by their resource ids: a VM's name is not its node's. */
function vmNameOf(nodeName: string): string {
  return `vm-${nodeName}`;
}

function vmUriOf(nodeName: string): string {
  return `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute/virtualMachines/${vmNameOf(nodeName)}`;
}

function startController(options: {
  readonly name: string;
  readonly clusterVolumes: ClusterVolumes;
  readonly clock: VirtualClock;
  readonly simulated: SimulatedStore;
  readonly model: ComputeModel;
  readonly seed: number;
  readonly answerOf: <T>(promise: Promise<T>) => Promise<T>;
}): ControllerProcess {
  const { name, clusterVolumes, model } = options;
  const gate = createGate();
  const clock = gatedClock(options.clock, gate);
  const random = createSeededRandom(options.seed);
  const life = new AbortController();
  const { cache, store } = followStore({
    store: gatedStore(options.simulated.handle(name), gate),
    clock,
    random,
    logger: silentLogger,
    kinds: [...CONTROLLER_KINDS, "ClusterNode"],
  });
  const arm = createModelArmApi({
    model,
    subscriptionId: SUBSCRIPTION_ID,
    clock,
    caller: name,
    oneWayMs: () => 5,
  });
  const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION };
  const cloud = createAzureCloudProvisioner({ arm, clock, random, place, lifetime: life.signal });
  const { handlers, isLeading, run } = assembleController({
    driverName: defaultDriverName,
    parts: {
      store,
      cache,
      cloud,
      users: createClusterNodeVolumeUsers({ store, cache }),
      clusterVolumes,
      marks: undefined,
      clock,
      random,
      logger: silentLogger,
      steps: { run: (_step, take) => take() },
      events: { emit: () => undefined },
      leaseHighWaterMark: new LeaseHighWaterMark(),
      settings,
      attach: "kubernetes",
      clusterId: "cluster-1",
      trustsUnnamedVms: true,
    },
    snapshots: cloud,
    leaseStore: store,
    lostClusterIds: [],
    limits: defaultControllerServiceLimits,
    election: {
      identity: name,
      settings: defaultElectionSettings,
      isAlone: false,
      onChange: () => undefined,
    },
    recordUnclaimed: () => undefined,
  });
  const running = Promise.allSettled([cache.run(life.signal), run(life.signal)]);
  return {
    name,
    csi: handlers as ControllerProcess["csi"],
    isLeading,
    pause: () => gate.shut(),
    resume: () => gate.open(),
    stop: async () => {
      life.abort(new Error("SIGTERM"));
      const [, ended] = await options.answerOf(running);
      if (ended.status === "rejected") throw ended.reason;
      await options.answerOf(cloud.drained());
    },
  };
}

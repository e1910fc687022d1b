import assert from "node:assert/strict";
import { noClusterVolumes } from "../../../src/adapters/embedded/no-cluster-volumes.ts";
import {
  type SimulatedStore,
  createSimulatedStore,
} from "../../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import { resourceUriKey } from "../../../src/core/azure/ids/disk-uri.ts";
import { ok } from "../../../src/core/failure/result.ts";
import { placementUnknown } from "../../../src/core/schedule/pod-rules.ts";
import type { CreateVolumeRequest, VolumeCapability } from "../../../src/csi/gen/csi/v1/csi.ts";
import type { NodeMarks } from "../../../src/ports/cluster/node-marks.ts";
import type { OwnNode } from "../../../src/ports/cluster/own-node.ts";
import type { VolumeUsers } from "../../../src/ports/cluster/volume-users.ts";
import { createAgenda } from "../../agenda.ts";
import { createAzureRegion } from "../../azure/create-azure-region.ts";
import { createSimAzure } from "../../azure/create-sim-azure.ts";
import type { DiskEvent, SimAzure } from "../../azure/sim-azure.ts";
import { createTrace } from "../../create-trace.ts";
import type { Violation } from "../../history/violation.ts";
import type { Trace } from "../../trace.ts";
import { createDriver, type SimDriver } from "../create-driver.ts";
import type { CsiAnswer, CsiCall } from "../endpoints.ts";

/** A volume as its orchestrator has it. */
interface TestVolume {
  readonly name: string;
  readonly volumeId: string;
  readonly volumeContext: Record<string, string>;
  /** Where its file system is once it is up. */
  readonly targetPath: string;
}

/** The whole driver on Azure, with an orchestrator controlled by the test. */
export interface DriverTestWorld {
  readonly clock: VirtualClock;
  readonly store: SimulatedStore;
  readonly azure: SimAzure;
  readonly driver: SimDriver;
  readonly trace: Trace;
  readonly violations: readonly Omit<Violation, "atMs">[];
  /** What happened between disks and machines, as `<node> <what>`. */
  readonly diskEvents: readonly string[];
  /** Nodes that the orchestrator has given up. */
  readonly outOfService: Set<string>;
  create(
    name: string,
    request: {
      readonly maxShares: number;
      readonly replicas: number;
      /** Where it may be, the first choice first. Default: zone 1, that of the nodes. */
      readonly zones?: readonly string[];
    },
  ): Promise<TestVolume>;
  /** Publish, stage, publish. */
  bringUp(volume: TestVolume, nodeName: string): Promise<void>;
  /** Unpublish, unstage, unpublish. */
  takeDown(volume: TestVolume, nodeName: string): Promise<void>;
  unpublish(volume: TestVolume, nodeName: string): Promise<void>;
  remove(volume: TestVolume): Promise<void>;
  /** Removes the pods of a node from the API, whatever runs there. */
  forgetUsers(nodeName: string): void;
  /** Aborted when the world ends. */
  readonly ended: AbortSignal;
  until(what: string, isReached: () => boolean): Promise<void>;
  answerOf<T>(promise: Promise<T>): Promise<T>;
}

const GIB = 1024n ** 3n;
const TIME_SCALE = 0.25;
const CALL_MAX_MS = 120_000;
const RETRY_MS = 500;
/** The longest that anything may take, in milliseconds of virtual time. */
const LIMIT_MS = 1_200_000;
const underWay = ["ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION", "CANCELLED"];
const never = new AbortController().signal;

/** Kubernetes reports nothing about the nodes. */
const emptyOwnNode: OwnNode = {
  read: async () => ok(undefined),
  drivers: async () => ok([]),
  replaceTaints: async () => ok(undefined),
};

const noMarks: NodeMarks = {
  isMarkable: async () => ok(false),
  mark: async () => ok(false),
  unmark: async () => ok(false),
};

const ext4ForOneNode: VolumeCapability = {
  accessMode: { mode: "SINGLE_NODE_WRITER" },
  accessType: { $case: "mount", value: { fsType: "ext4", mountFlags: [], volumeMountGroup: "" } },
};
const ZONE_KEY = "topology.disk.csi.azure.com/zone";

/** Runs `act` in a world of three nodes and two controllers, and ends it. */
export async function withDriver(
  seed: number,
  act: (world: DriverTestWorld) => Promise<void>,
): Promise<DriverTestWorld> {
  const clock = createVirtualClock();
  const root = createSeededRandom(seed);
  const random = (name: string) => root.fork(name);
  const trace = createTrace(clock);
  const agenda = createAgenda(clock);
  const store = createSimulatedStore({
    clock,
    random: random("store"),
    weather: { callDelayMs: [1, 5], watchDelayMs: [0, 20] },
  });
  const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));
  const region = createAzureRegion({ clock, random, trace, agenda, timeScale: TIME_SCALE });
  const azure = createSimAzure({ region, clock, random, trace, agenda, nodes });
  region.addStrangers();
  const violations: Omit<Violation, "atMs">[] = [];
  const diskEvents: string[] = [];
  const outOfService = new Set<string>();
  const users = new Map<string, Set<string>>();
  const listeners: Parameters<VolumeUsers["onChange"]>[0][] = [];
  const end = new AbortController();

  const usersOn = (nodeName: string): Set<string> => {
    const found = users.get(nodeName) ?? new Set();
    users.set(nodeName, found);
    return found;
  };
  const useOf: VolumeUsers["cachedOn"] = ({ nodeName, volumeId }) =>
    usersOn(nodeName).has(resourceUriKey(volumeId))
      ? { kind: "used", users: [`pod on ${nodeName}`] }
      : { kind: "unused" };
  const volumeUsers: VolumeUsers = {
    on: async (request) => useOf(request),
    cachedOn: useOf,
    isOutOfService: async (nodeName) => outOfService.has(nodeName),
    isUnschedulable: async () => false,
    cachedNode: (nodeName) => ({
      isGone: false,
      isOutOfService: outOfService.has(nodeName),
      isUnschedulable: false,
      labels: {},
      taints: [],
    }),
    cachedPods: () => [],
    cachedNodeNameOf: azure.nodeNameAt,
    cachedPlacement: () => placementUnknown,
    cachedClaimPods: () => [],
    cachedCompanions: () => [],
    onChange: (listener) => listeners.push(listener),
  };
  const driver = createDriver(2, {
    clock,
    random,
    trace,
    agenda,
    store,
    azure,
    reservations: false,
    attach: "kubernetes",
    clusterId: "cluster-1",
    timeScale: TIME_SCALE,
    trustsUnnamedVms: false,
    connect: () => ({
      users: () => volumeUsers,
      volumes: () => noClusterVolumes,
      marks: () => noMarks,
      ownNode: () => emptyOwnNode,
    }),
    report: (violation) => violations.push(violation),
  });
  azure.onDiskEvent((event) => diskEvents.push(describeDiskEvent(event)));
  store.onCommit(({ by, verb, kind, name, resourceVersion }) =>
    trace.note(by, `${verb} ${kind} ${name} @${resourceVersion}`),
  );

  async function until(what: string, isReached: () => boolean): Promise<void> {
    if (!(await clock.runUntil(isReached, LIMIT_MS)))
      assert.fail(`${what}: not reached\n${trace.lines().slice(-60).join("\n")}`);
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

  /** Repeats a call until it succeeds, as sidecars and kubelets do. */
  async function served<Request, Response>(
    what: string,
    find: () => CsiCall<Request, Response> | undefined,
    request: Request,
  ): Promise<Response> {
    return answerOf(
      (async (): Promise<Response> => {
        for (;;) {
          const answer: CsiAnswer<Response> = (await find()?.(request, {
            timeoutMs: CALL_MAX_MS,
            signal: never,
          })) ?? {
            ok: false,
            code: "UNAVAILABLE",
            message: "no controller serves",
          };
          trace.note(
            "orchestrator",
            `${what} is answered ${answer.ok ? "OK" : `${answer.code} ${answer.message}`}`,
          );
          if (answer.ok) return answer.value;
          assert.ok(underWay.includes(answer.code), `${what}: ${answer.code} ${answer.message}`);
          await clock.sleep(RETRY_MS, never);
        }
      })(),
    );
  }

  const stagingPath = (volume: TestVolume): string => `/var/lib/kubelet/plugins/${volume.name}/globalmount`;
  const unpublish = async (volume: TestVolume, nodeName: string): Promise<void> => {
    await served(
      "ControllerUnpublishVolume",
      () => driver.endpoints.controller()?.controllerUnpublishVolume,
      {
        volumeId: volume.volumeId,
        nodeId: nodeName,
        secrets: {},
      },
    );
  };
  const forgetUser = (nodeName: string, volume: TestVolume): void => {
    usersOn(nodeName).delete(resourceUriKey(volume.volumeId));
    for (const listener of listeners) listener(nodeName, "users");
  };

  const world: DriverTestWorld = {
    clock,
    store,
    azure,
    driver,
    trace,
    violations,
    diskEvents,
    outOfService,
    ended: end.signal,
    until,
    answerOf,
    create: async (name, { maxShares, replicas, zones = ["1"] }) => {
      const allowed = zones.map((zone) => ({ segments: { [ZONE_KEY]: `eastus-${zone}` } }));
      const request: CreateVolumeRequest = {
        name,
        capacityRange: { requiredBytes: 4n * GIB, limitBytes: 0n },
        volumeCapabilities: [ext4ForOneNode],
        parameters: {
          skuName: "Premium_LRS",
          maxShares: String(maxShares),
          maxMountReplicaCount: String(replicas),
        },
        secrets: {},
        volumeContentSource: undefined,
        accessibilityRequirements: { requisite: allowed, preferred: allowed },
        mutableParameters: {},
      };
      const { volume } = await served(
        "CreateVolume",
        () => driver.endpoints.controller()?.createVolume,
        request,
      );
      assert.ok(volume !== undefined);
      return {
        name,
        volumeId: volume.volumeId,
        volumeContext: { ...volume.volumeContext },
        targetPath: `/var/lib/kubelet/pods/${name}/mount`,
      };
    },
    bringUp: async (volume, nodeName) => {
      const { volumeId, volumeContext } = volume;
      usersOn(nodeName).add(resourceUriKey(volumeId));
      for (const listener of listeners) listener(nodeName, "users");
      const shared = { volumeId, volumeContext, secrets: {}, volumeCapability: ext4ForOneNode };
      const { publishContext } = await served(
        "ControllerPublishVolume",
        () => driver.endpoints.controller()?.controllerPublishVolume,
        {
          ...shared,
          nodeId: nodeName,
          readonly: false,
        },
      );
      const staged = {
        ...shared,
        publishContext: { ...publishContext },
        stagingTargetPath: stagingPath(volume),
      };
      await served("NodeStageVolume", () => driver.endpoints.node(nodeName)?.nodeStageVolume, staged);
      await served("NodePublishVolume", () => driver.endpoints.node(nodeName)?.nodePublishVolume, {
        ...staged,
        targetPath: volume.targetPath,
        readonly: false,
      });
    },
    takeDown: async (volume, nodeName) => {
      const { volumeId, targetPath } = volume;
      await served("NodeUnpublishVolume", () => driver.endpoints.node(nodeName)?.nodeUnpublishVolume, {
        volumeId,
        targetPath,
      });
      forgetUser(nodeName, volume);
      await served("NodeUnstageVolume", () => driver.endpoints.node(nodeName)?.nodeUnstageVolume, {
        volumeId,
        stagingTargetPath: stagingPath(volume),
      });
      await unpublish(volume, nodeName);
    },
    unpublish,
    remove: async ({ volumeId }) => {
      await served("DeleteVolume", () => driver.endpoints.controller()?.deleteVolume, {
        volumeId,
        secrets: {},
      });
    },
    forgetUsers: (nodeName) => {
      usersOn(nodeName).clear();
      for (const listener of listeners) listener(nodeName, "users");
    },
  };

  driver.start();
  const running = agenda.run(end.signal);
  try {
    await until("a leader", () => driver.controllers.some((slot) => slot.isLeading()));
    await until(
      "all nodes to be known",
      () =>
        store.objects("AzDriverNode").filter((node) => node.status?.readyForVolumeAllocation === true)
          .length === nodes.length,
    );
    await act(world);
  } finally {
    driver.end();
    end.abort();
    await running;
  }
  return world;
}

function describeDiskEvent(event: DiskEvent): string {
  return event.kind === "wrote"
    ? `${event.machine.nodeName} ${event.by}`
    : `${event.machine.nodeName} ${event.kind}`;
}

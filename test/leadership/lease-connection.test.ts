import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Registry } from "prom-client";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createClusterNodeVolumeUsers } from "../../src/adapters/embedded/cluster-node-volume-users.ts";
import { noClusterVolumes } from "../../src/adapters/embedded/no-cluster-volumes.ts";
import { createLoopMetrics } from "../../src/adapters/observe/metrics.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { CONTROLLER_KINDS } from "../../src/compose/assemble-controller.ts";
import { connectKubernetes } from "../../src/compose/connect/connect-store.ts";
import { addControllerService } from "../../src/compose/roles/controller-service.ts";
import { defaultDriverName } from "../../src/core/api/driver-name.ts";
import { annotatedNumber, CONTROLLER_LEASE, COUNTER_ANNOTATION } from "../../src/core/api/lease.ts";
import { defaultElectionSettings } from "../../src/core/election/plan-candidacy.ts";
import { aVolume, settings } from "../../src/core/testing/objects.ts";
import { must } from "../../src/core/testing/value-of.ts";
import type { controllerHandlers } from "../../src/csi/controller/controller-handlers.ts";
import { CallEnded } from "../../src/csi/server/unary-handler.ts";
import { aCall } from "../../src/csi/testing/a-call.ts";
import { aCreateVolumeRequest } from "../../src/csi/testing/requests.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addResourceGroup } from "../../src/emulator/model/set-up.ts";
import { createObjectCache } from "../../src/objects/cache/object-cache.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import { LeaseHighWaterMark } from "../../src/runtime/election/lease-high-water-mark.ts";
import { type HeldApiServer, startHeldApiServer } from "./held-api-server.ts";

const TEST_TIMEOUT_MS = 1_800_000;
/** How long real calls may take to reach the server on a busy machine, in milliseconds. */
const PATIENCE_MS = 240_000;
/** The API server's latency, in milliseconds of virtual time. */
const ANSWER_MS = 1_000;
/** Four times as long as a leader may be without a renewal. */
const WATCHED_MS = 4 * defaultElectionSettings.renewDeadlineMs;
const CONNECTIONS_MAX = 32;
const WORKERS = 256;
const VOLUMES = 1_000;
const CLAIMS = 5_000;
const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg", location: "eastus" };
const never = new AbortController().signal;

/**
 * A controller as the role composes it, with an API server that takes a second of virtual time for each
 * answer.
 */
interface SlowWorld {
  readonly server: HeldApiServer;
  readonly clock: VirtualClock;
  readonly csi: Required<ReturnType<typeof controllerHandlers>>;
  /** `azuredisk_controller_is_leader`. */
  isLeading(): Promise<boolean>;
  /** How many terms this controller has begun. */
  readonly terms: () => number;
  /** Pending calls of the objects' store, without the election's. */
  readonly underWay: () => number;
  /** Answers everything that has reached the API server, and lets a second pass. */
  second(): Promise<void>;
}

async function onSlowApiServer(act: (world: SlowWorld) => Promise<void>): Promise<void> {
  const server = await startHeldApiServer();
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const life = new AbortController();
  const values = { kubeconfig: server.kubeconfigFile, namespace: "azure-disk-csi" };
  const connection = await connectKubernetes(values, "controller", {
    clock,
    random,
    requestTimeoutMs: TEST_TIMEOUT_MS,
  });
  const [store, leaseStore] = [countedCalls(connection.store), countedCalls(connection.leaseStore)];
  const cache = createObjectCache({
    store: store.counted,
    stores: { Lease: leaseStore.counted },
    clock,
    random,
    logger: silentLogger,
    kinds: CONTROLLER_KINDS,
  });
  const model = createComputeModel({ clock });
  addResourceGroup(model.world, {
    subscriptionId: SUBSCRIPTION_ID,
    name: place.resourceGroup,
    location: place.location,
  });
  const arm = createModelArmApi({
    model,
    subscriptionId: SUBSCRIPTION_ID,
    clock,
    caller: "controller",
    oneWayMs: () => 5,
  });
  const cloud = createAzureCloudProvisioner({ arm, clock, random, place, lifetime: life.signal });
  const registry = new Registry();
  let csi: SlowWorld["csi"] | undefined;
  let terms = 0;
  const run = addControllerService(
    {
      add(_service, handlers) {
        csi = handlers as unknown as SlowWorld["csi"];
        return this as never;
      },
    },
    {
      store: store.counted,
      leaseStore: leaseStore.counted,
      cache,
      cloud,
      snapshots: cloud,
      driverName: defaultDriverName,
      leaseHighWaterMark: new LeaseHighWaterMark(),
      users: createClusterNodeVolumeUsers({
        store: store.counted,
        cache: { get: () => undefined, byIndex: () => [], onChange: () => undefined },
      }),
      clusterVolumes: noClusterVolumes,
      marks: undefined,
      events: {
        emit: ({ about, message }) =>
          void (terms += about.kind === "Lease" && message.includes(" leads: ") ? 1 : 0),
      },
      settings,
      clusterId: "cluster-1",
      trustsUnnamedVms: true,
      isAlone: false,
    },
    {
      waitMaxMs: 300_000,
      grantWaitMs: 2_000,
      attach: "kubernetes",
      trustNodesWithoutProviderId: false,
      lostClusterId: [],
      leaderElection: "lease",
      leaseDurationMs: defaultElectionSettings.leaseDurationMs,
      leaseRenewDeadlineMs: defaultElectionSettings.renewDeadlineMs,
      leaseRetryPeriodMs: defaultElectionSettings.retryPeriodMs,
    },
    {
      clock,
      random,
      steps: { run: (_step, take) => take() },
      loops: createLoopMetrics(registry),
      logger: silentLogger,
      registry,
      lifetime: life.signal,
    },
  );
  const running = Promise.allSettled([cache.run(life.signal), run(life.signal)]);

  /**
   * Whether all pending calls are at the server, as far as its connections reach: only then may time pass.
   */
  const hasArrived = (): boolean => {
    const held = server.held();
    return (
      held.election === leaseStore.underWay() && held.others === Math.min(store.underWay(), CONNECTIONS_MAX)
    );
  };
  const untilArrived = async (): Promise<void> => {
    const endsMs = systemClock.elapsedMs() + PATIENCE_MS;
    while (!hasArrived()) {
      const figures = JSON.stringify({
        held: server.held(),
        asked: { election: leaseStore.underWay(), others: store.underWay() },
      });
      assert.ok(
        systemClock.elapsedMs() < endsMs,
        `after ${PATIENCE_MS / 1_000} s not all calls have reached the server: ${figures}`,
      );
      await systemClock.sleep(1, never);
    }
  };
  const second = async (): Promise<void> => {
    await clock.settle();
    await untilArrived();
    server.answerHeld();
    await untilArrived();
    await clock.advance(ANSWER_MS);
  };
  const world: SlowWorld = {
    server,
    clock,
    csi: csi ?? assert.fail("no service was added"),
    isLeading: async () =>
      (await registry.getSingleMetric("azuredisk_controller_is_leader")?.get())?.values[0]?.value === 1,
    terms: () => terms,
    underWay: store.underWay,
    second,
  };
  try {
    await act(world);
  } finally {
    life.abort(new Error("SIGTERM"));
    let hasEnded = false;
    const ended = running.then(() => {
      hasEnded = true;
    });
    while (!hasEnded) await second();
    await ended;
    connection.close();
    await server.close();
  }
}

/** The store, and the number of its pending calls. */
function countedCalls(store: ObjectStore): {
  readonly counted: ObjectStore;
  readonly underWay: () => number;
} {
  let underWay = 0;
  const count = async <T>(call: Promise<T>): Promise<T> => {
    underWay++;
    try {
      return await call;
    } finally {
      underWay--;
    }
  };
  const counted: ObjectStore = {
    get: (...asked) => count(store.get(...asked)),
    list: (...asked) => count(store.list(...asked)),
    create: (...asked) => count(store.create(...asked)),
    update: (...asked) => count(store.update(...asked)),
    updateStatus: (...asked) => count(store.updateStatus(...asked)),
    delete: (...asked) => count(store.delete(...asked)),
    watch: (...asked) => store.watch(...asked),
  };
  return { counted, underWay: () => underWay };
}

/**
 * Checks for four renewal deadlines that the leader stays in its first term, while its other calls occupy
 * all their connections.
 */
async function assertKeepsLeading(world: SlowWorld): Promise<void> {
  const counterAtStart = await leaseCounter(world);
  for (let passedMs = 0; passedMs < WATCHED_MS; passedMs += ANSWER_MS) {
    await world.second();
    assert.equal(await world.isLeading(), true, `lost the Lease after ${passedMs} ms`);
    assert.equal(world.server.held().others, CONNECTIONS_MAX);
  }
  assert.equal(world.terms(), 1);
  assert.equal(world.server.othersMax, CONNECTIONS_MAX);
  // A renewal is a read and a write, and the next one begins after 2.4 s at most.
  const renewals = (await leaseCounter(world)) - counterAtStart;
  assert.ok(renewals >= Math.floor(WATCHED_MS / 5_000), `${renewals} renewals in ${WATCHED_MS} ms`);
}

async function leaseCounter({ server }: SlowWorld): Promise<number> {
  return annotatedNumber(await must(server.store.get("Lease", CONTROLLER_LEASE, never)), COUNTER_ANNOTATION);
}

async function untilLeading(world: SlowWorld): Promise<void> {
  while (!(await world.isLeading())) await world.second();
}

describe("a leader whose API server takes a second for each answer", { timeout: TEST_TIMEOUT_MS }, () => {
  it("keeps the Lease while 256 workers are busy", () =>
    onSlowApiServer(async (world) => {
      const { metadata: _, ...volume } = aVolume();
      for (let index = 0; index < VOLUMES; index++)
        await must(
          world.server.store.create(
            "AzVolume",
            { spec: { ...volume.spec, volumeName: `pvc-${index}` }, metadata: { name: `pvc-${index}` } },
            never,
          ),
        );
      await untilLeading(world);
      while (world.underWay() < WORKERS) await world.second();
      await assertKeepsLeading(world);
    }));

  it("keeps the Lease while 5,000 claims are created at once", () =>
    onSlowApiServer(async (world) => {
      await untilLeading(world);
      const over = new AbortController();
      const claims = Array.from({ length: CLAIMS }, (_, index) =>
        world.csi.createVolume(
          aCreateVolumeRequest({ name: `pvc-${index}` }),
          aCall({ signal: over.signal }),
        ),
      );
      const answered = Promise.allSettled(claims);
      await assertKeepsLeading(world);
      const made = await must(world.server.store.list("AzVolume", {}, never));
      assert.ok(made.items.length >= CONNECTIONS_MAX, `${made.items.length} volumes`);
      over.abort(new CallEnded({ kind: "Cancelled" }));
      await answered;
    }));
});

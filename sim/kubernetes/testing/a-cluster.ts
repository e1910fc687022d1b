import assert from "node:assert/strict";
import { createSeededRandom } from "../../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import { unlessAborted } from "../../../src/runtime/unless-aborted.ts";
import { instanceUriOf } from "../../azure/vm-names.ts";
import type { ControllerCsi, CsiAnswer, CsiCall, NodeCsi } from "../../driver/endpoints.ts";
import { createSimCluster } from "../create-sim-cluster.ts";
import type { SimCluster, SimClusterOptions, SimWorkload } from "../sim-cluster.ts";
import { aMachine, type TestMachine } from "./a-machine.ts";

/** A refusal that a test requests. */
export interface Refusal {
  readonly code: string;
  readonly message?: string;
}

/** A cluster with a scripted driver that records its calls: `<where> <method>`. */
export interface TestCluster {
  readonly clock: VirtualClock;
  readonly cluster: SimCluster;
  /** Since the last `forget`, in order. */
  readonly calls: string[];
  readonly violations: string[];
  readonly lines: string[];
  machine(nodeName: string): TestMachine;
  /** The responses to the next calls of that name, in this order. */
  refuse(call: string, ...refusals: Refusal[]): void;
  /** Calls of that name wait until they are released. Returns how to release them. */
  holdCall(call: string): () => void;
  forget(): void;
  until(what: string, isSo: () => boolean, limitMs?: number): Promise<void>;
  untilRunning(nodeName?: string): Promise<void>;
  /** How often the clock had to wake a sleeper so far. */
  wakeUps(): number;
}

export const workload: SimWorkload = {
  volumeName: "pvc-1",
  sizeGiB: 8,
  skuName: "Premium_ZRS",
  maxShares: 3,
  replicas: 2,
  access: "mount",
};
const URI = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks";
const CALL_MS = 5;

/** Runs `act` with a cluster of three nodes. */
export async function withCluster(
  act: (test: TestCluster) => Promise<void>,
  options: Partial<SimClusterOptions> & { readonly seed?: number } = {},
): Promise<void> {
  const clock = createVirtualClock();
  const seed = createSeededRandom(options.seed ?? 1);
  const nodes = ["node-a", "node-b", "node-c"].map((name, index) => ({ name, zone: String(index + 1) }));
  const calls: string[] = [];
  const violations: string[] = [];
  const lines: string[] = [];
  const refusals = new Map<string, Refusal[]>();
  const held = new Map<string, Promise<void>>();
  let wakeUps = 0;
  const counting = {
    ...clock,
    sleep: (ms: number, signal: AbortSignal) => clock.sleep(ms, signal).finally(() => (wakeUps += 1)),
  };

  const machines = new Map(nodes.map(({ name }) => [name, aMachine(name, counting)]));

  function answering<Request, Response>(
    where: string,
    method: string,
    answer: (request: Request) => Response,
  ): CsiCall<Request, Response> {
    return async (request, { signal, timeoutMs }): Promise<CsiAnswer<Response>> => {
      const call = `${where}${method}`;
      calls.push(call);
      try {
        await clock.sleep(CALL_MS, signal);
        const gate = held.get(call);
        const isLate =
          gate !== undefined &&
          (await Promise.race([
            unlessAborted(gate, signal),
            clock.sleep(timeoutMs, signal).then(() => "late"),
          ])) === "late";
        if (isLate) return { ok: false, code: "DEADLINE_EXCEEDED", message: "" };
      } catch {
        return { ok: false, code: "CANCELLED", message: "" };
      }
      const refusal = refusals.get(call)?.shift();
      return refusal === undefined
        ? { ok: true, value: answer(request) }
        : { ok: false, code: refusal.code, message: refusal.message ?? "" };
    };
  }

  const controller: ControllerCsi = {
    createVolume: answering("", "create", (request) => ({
      volume: {
        volumeId: `${URI}/${request.name}`,
        capacityBytes: request.capacityRange?.requiredBytes ?? 0n,
        volumeContext: {},
        contentSource: undefined,
        accessibleTopology: ["1", "2", "3"].map((zone) => ({
          segments: { "topology.disk.csi.azure.com/zone": `eastus-${zone}` },
        })),
      },
    })),
    deleteVolume: answering("", "delete", () => ({})),
    controllerPublishVolume: async (request, callOptions) =>
      answering(`${request.nodeId} `, "publish to", () => {
        machines.get(request.nodeId)?.cutOff.delete(request.volumeId);
        return { publishContext: { epoch: "1" } };
      })(request, callOptions),
    controllerUnpublishVolume: async (request, callOptions) =>
      answering(`${request.nodeId} `, "unpublish from", () => {
        machines.get(request.nodeId)?.cutOff.add(request.volumeId);
        return {};
      })(request, callOptions),
    controllerExpandVolume: answering("", "expand", (request) => ({
      capacityBytes: request.capacityRange?.requiredBytes ?? 0n,
      nodeExpansionRequired: true,
    })),
    controllerModifyVolume: answering("", "modify", () => ({})),
    createSnapshot: answering("", "snapshot", (request) => ({
      snapshot: {
        snapshotId: `${URI.replace("disks", "snapshots")}/${request.name}`,
        sourceVolumeId: request.sourceVolumeId,
        sizeBytes: 0n,
        creationTime: undefined,
        readyToUse: true,
        groupSnapshotId: "",
        accessibleTopology: [],
      },
    })),
    deleteSnapshot: answering("", "delete snapshot", () => ({})),
  };
  const plugins = new Map<string, NodeCsi>(
    [...machines].map(([name, machine]) => [
      name,
      {
        nodeStageVolume: answering(`${name} `, "stage", (request) => {
          machine.mounted.set(request.stagingTargetPath, request.volumeId);
          return {};
        }),
        nodePublishVolume: answering(`${name} `, "publish", (request) => {
          machine.mounted.set(request.targetPath, request.volumeId);
          return {};
        }),
        nodeUnpublishVolume: answering(`${name} `, "unpublish", (request) => {
          machine.mounted.delete(request.targetPath);
          return {};
        }),
        nodeUnstageVolume: answering(`${name} `, "unstage", (request) => {
          machine.mounted.delete(request.stagingTargetPath);
          return {};
        }),
        nodeExpandVolume: answering(`${name} `, "expand", (request) => ({
          capacityBytes: request.capacityRange?.requiredBytes ?? 0n,
        })),
        nodeGetInfo: async () => ({
          ok: true,
          value: { nodeId: name, maxVolumesPerNode: 8n, accessibleTopology: undefined },
        }),
      },
    ]),
  );
  const cluster = createSimCluster({
    clock: counting,
    random: (name) => seed.fork(name),
    trace: {
      note: (about, what) => lines.push(`${(clock.elapsedMs() / 1000).toFixed(3)} ${about} ${what}`),
      lines: () => lines,
      digest: () => "",
    },
    endpoints: { controller: () => controller, node: (name) => plugins.get(name) },
    machineOf: (name) => machines.get(name),
    instanceUriOf,
    onMachine: () => undefined,
    containers: {
      run: async ({ machine }, stop) => {
        await new Promise<void>((resolve) => {
          stop.addEventListener("abort", () => resolve(), { once: true });
          machine.boot().addEventListener("abort", () => resolve(), { once: true });
        });
        return "stopped";
      },
    },
    attach: "kubernetes",
    nodes,
    report: ({ detail }) => violations.push(detail),
    ...options,
  });
  const stop = new AbortController();
  const running = cluster.run(stop.signal);
  running.catch(() => undefined);
  const test: TestCluster = {
    clock,
    cluster,
    calls,
    violations,
    lines,
    machine: (nodeName) => {
      const machine = machines.get(nodeName);
      assert.ok(machine !== undefined);
      return machine;
    },
    refuse: (call, ...list) => refusals.set(call, list),
    holdCall: (call) => {
      const gate = Promise.withResolvers<void>();
      held.set(call, gate.promise);
      return () => {
        held.delete(call);
        gate.resolve();
      };
    },
    forget: () => {
      calls.length = 0;
    },
    until: async (what, isSo, limitMs = 900_000) => {
      assert.ok(
        await clock.runUntil(isSo, limitMs),
        `${what}: not reached\n${lines.slice(-40).join("\n")}\n${cluster.unfinished().join("\n")}`,
      );
    },
    untilRunning: (nodeName) =>
      test.until(`a pod that runs on ${nodeName ?? "some node"}`, () =>
        cluster
          .pods()
          .some((pod) => pod.isReady && !pod.isDeleted && pod.nodeName === (nodeName ?? pod.nodeName)),
      ),
    wakeUps: () => wakeUps,
  };
  try {
    await act(test);
    assert.deepEqual(violations, []);
  } finally {
    stop.abort(new Error("the test is over"));
    await running;
  }
}

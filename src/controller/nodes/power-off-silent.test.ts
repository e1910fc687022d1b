import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PowerState } from "../../core/azure/power-state.ts";
import { BELIEVED_AFTER_MS } from "../../core/node/plan-power-off.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { POWER_OFF_REQUESTED } from "../../core/states/node-conditions.ts";
import { aVolumeWithRecord, aWriter, identity, instanceUriOf } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { stoppedNodesReconciler } from "./mark-stopped-nodes.ts";
import { SPREADS_FOR_MS } from "./power-off-silent.ts";

const NODE = "node-a";
const URI = instanceUriOf(NODE);
/** Stale, silent for long enough, and certain to be so. */
const SILENT_MS = 35_000 + 30_000;
const never = new AbortController().signal;

interface Given {
  readonly silentNodes?: "wait" | "power-off";
  /** Other nodes that fall silent, too. */
  readonly alsoSilent?: readonly string[];
  readonly powerState?: PowerState;
  readonly writer?: string;
  readonly silentMs?: number;
  /** Heartbeats may be that much late; those of the other nodes. Default: the same. */
  readonly heartbeatDelayMs?: number;
  readonly otherDelayMs?: number;
  /** Between its heartbeats. Default: not stated, as by an older plug-in. */
  readonly heartbeatMs?: number | undefined;
  readonly outOfService?: readonly string[];
}

/** Passes of one reconciler over the silent node. */
interface Passes {
  /** Until when it is requeued. */
  readonly pass: () => Promise<number | undefined>;
  readonly reconcile: () => Promise<Reconciled>;
}

/** Four nodes, of which `node-a` writes and has fallen silent; another sends heartbeats. */
async function silent(
  {
    silentNodes = "power-off",
    alsoSilent = [],
    powerState = "running",
    writer = NODE,
    silentMs = SILENT_MS,
    heartbeatDelayMs = 0,
    otherDelayMs = heartbeatDelayMs,
    heartbeatMs,
    outOfService = [],
  }: Given,
  act: (world: ReconcileWorld, passes: Passes) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (world) => {
    const names = [NODE, "node-b", "node-c", "node-d"];
    for (const nodeName of names) {
      const driverNode = aDriverNode(nodeName, {
        heartbeatDelayMs: nodeName === NODE ? heartbeatDelayMs : otherDelayMs,
        heartbeatMs,
      });
      await world.given("AzDriverNode", driverNode);
      world.nodeUids.set(nodeName, `uid-of-${nodeName}`);
      world.instances.set(instanceUriOf(nodeName), driverNode.status?.vmId ?? "");
    }
    await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter(writer) }));
    world.powerStates.set(URI, powerState);
    world.unreachable.add(NODE);
    for (const nodeName of outOfService) world.outOfService.add(nodeName);
    const beatOthers = async (): Promise<void> => {
      for (const nodeName of names)
        if (nodeName !== NODE && !alsoSilent.includes(nodeName)) await world.beat(nodeName);
      await untilHeard(world, "node-d");
    };
    const ports = { ...world.ports, settings: { ...world.ports.settings, silentNodes } };
    const reconciler = stoppedNodesReconciler(ports);
    const reconcile = (): Promise<Reconciled> => world.answerOf(reconciler.reconcile(NODE, never));
    const pass = async (): Promise<number | undefined> => {
      const passed = await reconcile();
      return passed.ok ? passed.value.requeueAfterMs : assert.fail(JSON.stringify(passed.failure));
    };
    await world.clock.advance(silentMs - BELIEVED_AFTER_MS);
    await beatOthers();
    // The kubelet is found to be silent.
    await pass();
    await world.clock.advance(BELIEVED_AFTER_MS);
    await beatOthers();
    await act(world, { pass, reconcile });
  });
}

/** Until the cache shows the heartbeat that a node has just sent. */
function untilHeard(world: ReconcileWorld, nodeName: string): Promise<void> {
  return world.until(() => (world.ports.cache.watchedUnchangedMs("AzDriverNode", nodeName) ?? 0) < 1_000);
}

function emitted(world: ReconcileWorld): readonly string[] {
  return world.emitted.map(({ reason, message }) => `${reason}: ${message}`);
}

describe("a silent node whose VM runs", () => {
  it("has its VM powered off, and is marked by the next look", () =>
    silent({}, async (world, { pass }) => {
      const decidedAt = toTimestamp(world.clock.nowMs());
      assert.equal(await pass(), 0);
      assert.deepEqual([world.powerStates.get(URI), [...world.markedByDriver]], ["stopped", []]);
      assert.equal(await pass(), undefined);
      assert.deepEqual([...world.markedByDriver], [NODE]);
      assert.deepEqual(emitted(world), [
        `NodePoweredOff: node-a is silent and writes pvc-1: the driver decided at ${decidedAt} to power ` +
          `off its VM ${URI}, which Azure shows as stopped`,
        "NodeMarkedOutOfService: node-a is unreachable, and Azure shows its VM as stopped",
      ]);
    }));

  it("has its VM powered off, too, where Azure does not know its state", () =>
    silent({ powerState: "unknown" }, async (world, { pass }) => {
      assert.equal(await pass(), 0);
      assert.equal(world.powerStates.get(URI), "stopped");
    }));

  const left: readonly (readonly [string, Given, number])[] = [
    ["by default", { silentNodes: "wait" }, 16_250],
    ["that writes no volume", { writer: "node-b" }, 16_250],
    ["that hibernates", { powerState: "hibernated" }, 16_250],
    ["before its time", { silentMs: SILENT_MS - 2_000 }, 2_000],
    // Another node may be heard for the last time a whole delay later.
    ["while heartbeats may be late", { heartbeatDelayMs: 20_000, silentMs: SILENT_MS + 39_000 }, 1_000],
    // Others that were cut off with it may be heard for the last time so much later.
    ["for as long as between two heartbeats", { heartbeatMs: 60_000, silentMs: SILENT_MS + 29_000 }, 1_000],
    // Its plug-in has not been heard since an earlier cut, and its kubelet is cut off now, with others.
    ["while others may not count yet", { otherDelayMs: 40_000, silentMs: SILENT_MS + 60_000 }, 10_000],
    ["while those of other nodes may be late", { otherDelayMs: 40_000, silentMs: SILENT_MS + 39_000 }, 1_000],
  ];
  for (const [when, given, againMs] of left)
    it(`is left alone ${when}`, () =>
      silent(given, async (world, { pass }) => {
        assert.equal(await pass(), againMs);
        assert.notEqual(world.powerStates.get(URI), "stopped");
        assert.deepEqual([world.emitted, [...world.markedByDriver]], [[], []]);
      }));

  /** A plug-in reports from the VM of `node-a`, and sends heartbeats; `node`: the VM that its Node names. */
  const alsoAs = async (world: ReconcileWorld, nodeName: string, node?: string): Promise<void> => {
    const { vmId, instanceUri } = identity(NODE);
    if (node !== undefined) world.nodeNames.set(node, nodeName);
    await world.given(
      "AzDriverNode",
      aDriverNode(nodeName, { vmId, instanceUri: instanceUri.toUpperCase() }),
    );
  };

  it("stays on while a plug-in reports from it as another node, and an event says so", () =>
    silent({}, async (world, { pass }) => {
      await alsoAs(world, "node-z");
      assert.equal(await pass(), 16_250);
      assert.equal(world.powerStates.get(URI), "running");
      assert.deepEqual(emitted(world), [
        "NodeNotPoweredOff: node-a is silent and writes pvc-1, and its VM was left running: " +
          "it runs on as node-z",
      ]);
    }));

  it("stays on while another kubelet reports from it whose plug-in has not begun", () =>
    silent({}, async (world) => {
      const { users } = world.ports;
      let isReported = true;
      const reconciler = stoppedNodesReconciler({
        ...world.ports,
        settings: { ...world.ports.settings, silentNodes: "power-off" },
        users: {
          ...users,
          cachedNodeNameOf: (uri) => (isReported && uri === URI ? "node-y" : users.cachedNodeNameOf(uri)),
        },
      });
      const afterTwoLooks = async (): Promise<PowerState | undefined> => {
        for (const at of [0, BELIEVED_AFTER_MS]) {
          await world.clock.advance(at);
          for (const nodeName of ["node-b", "node-c", "node-d"]) await world.beat(nodeName);
          await untilHeard(world, "node-d");
          await world.answerOf(reconciler.reconcile(NODE, never));
        }
        return world.powerStates.get(URI);
      };
      assert.equal(await afterTwoLooks(), "running");
      isReported = false;
      assert.equal(await afterTwoLooks(), "stopped", "the premise: it is alone");
    }));

  it("is powered off where a node with another VM says that it is there", () =>
    silent({}, async (world, { pass }) => {
      await alsoAs(world, "node-z", instanceUriOf("node-z"));
      assert.equal(await pass(), 0);
      assert.equal(world.powerStates.get(URI), "stopped");
    }));

  it("stays on while half of the nodes are silent, and an event says so", () =>
    silent({ alsoSilent: ["node-b"] }, async (world, { pass }) => {
      assert.equal(await pass(), 16_250);
      assert.equal(world.powerStates.get(URI), "running");
      assert.deepEqual(emitted(world), [
        "NodeNotPoweredOff: node-a is silent and writes pvc-1, and its VM was left running: " +
          "2 of 4 nodes are silent",
      ]);
    }));

  it("stays on while a network brings back the nodes that it had cut off", () =>
    silent({ alsoSilent: ["node-b"] }, async (world, { pass }) => {
      await pass();
      await world.beat("node-b");
      await untilHeard(world, "node-b");
      assert.equal(await pass(), 10_000);
      assert.equal(world.powerStates.get(URI), "running");
      await world.clock.advance(BELIEVED_AFTER_MS);
      for (const nodeName of ["node-b", "node-c", "node-d"]) await world.beat(nodeName);
      await untilHeard(world, "node-d");
      await pass();
      assert.equal(world.powerStates.get(URI), "stopped", "it alone has stayed silent");
    }));

  it("stays on at first where it was not looked at for a while", () =>
    silent({}, async (world, { pass }) => {
      // As while Azure answers no read.
      await world.clock.advance(60_000);
      for (const nodeName of ["node-b", "node-c", "node-d"]) await world.beat(nodeName);
      await untilHeard(world, "node-d");
      assert.equal(await pass(), 10_000);
      assert.equal(world.powerStates.get(URI), "running");
    }));

  it("stays on where it was silent before, and now all nodes are cut off", () =>
    silent({ silentMs: 3_600_000 }, async (world) => {
      const reconciler = stoppedNodesReconciler({
        ...world.ports,
        settings: { ...world.ports.settings, silentNodes: "power-off" },
      });
      world.store.holdWatches(true);
      for (let cutOffS = 10; cutOffS <= 300; cutOffS += 10) {
        await world.clock.advance(10_000);
        // A watch without an event gets a bookmark a minute.
        world.store.holdWatches(cutOffS % 60 !== 0);
        await world.clock.advance(1);
        world.store.holdWatches(true);
        // Kubernetes takes that long to find a kubelet unreachable.
        if (cutOffS >= 50) await world.answerOf(reconciler.reconcile(NODE, never));
        assert.equal(world.powerStates.get(URI), "running", `after ${cutOffS} s`);
      }
    }));

  for (const slow of ["inspectInstance", "powerOff"] as const)
    it(`has its VM powered off though each ${slow} waits long for Azure's limits`, () =>
      silent({ silentMs: SILENT_MS + 60_000 }, async (world) => {
        const { cloud, clock, settings } = world.ports;
        // Within the time for which a call waits for the limits, and the others send heartbeats.
        const wait = async (signal: AbortSignal): Promise<void> => {
          for (let waited = 0; waited < 5; waited++) {
            await clock.sleep(8_000, signal);
            for (const nodeName of ["node-b", "node-c", "node-d"]) await world.beat(nodeName);
          }
        };
        const reconciler = stoppedNodesReconciler({
          ...world.ports,
          settings: { ...settings, silentNodes: "power-off" },
          cloud: {
            ...cloud,
            [slow]: async (request: never, signal: AbortSignal) => {
              await wait(signal);
              return cloud[slow](request, signal);
            },
          },
        });
        for (let looks = 0; looks < 8 && world.powerStates.get(URI) !== "stopped"; looks++) {
          for (const nodeName of ["node-b", "node-c", "node-d"]) await world.beat(nodeName);
          await untilHeard(world, "node-d");
          const passed = await world.answerOf(reconciler.reconcile(NODE, never));
          assert.ok(passed.ok);
          await world.clock.advance(passed.value.requeueAfterMs ?? 0);
        }
        assert.equal(world.powerStates.get(URI), "stopped");
      }));

  it("does not count nodes that are out of service: why they are silent is known", () =>
    silent({ alsoSilent: ["node-b"], outOfService: ["node-b"] }, async (world, { pass }) => {
      assert.equal(await pass(), 0);
      assert.equal(world.powerStates.get(URI), "stopped");
    }));

  it("stays on where the driver has marked others lately: their cause may spread", () =>
    silent({ alsoSilent: ["node-b"], outOfService: ["node-b"] }, async (world, { pass }) => {
      world.markedByDriver.add("node-b");
      await pass();
      assert.deepEqual(
        [world.powerStates.get(URI), ...emitted(world)],
        [
          "running",
          "NodeNotPoweredOff: node-a is silent and writes pvc-1, and its VM was left running: " +
            "2 of 4 nodes are silent",
        ],
      );
      await world.clock.advance(SPREADS_FOR_MS);
      for (let look = 0; look < 2; look++) {
        await world.clock.advance(BELIEVED_AFTER_MS);
        for (const nodeName of ["node-c", "node-d"]) await world.beat(nodeName);
        await untilHeard(world, "node-d");
        await pass();
      }
      assert.equal(world.powerStates.get(URI), "stopped");
    }));

  it("stays on where its node plug-in reports while Azure is asked", () =>
    silent({}, async (world, { pass }) => {
      world.during.powerOff = () => world.beat(NODE);
      await pass();
      assert.deepEqual([world.powerStates.get(URI), world.emitted], ["running", []]);
    }));

  it("stays on where its kubelet reports while Azure is asked", () =>
    silent({}, async (world, { pass }) => {
      world.during.powerOff = async () => void world.unreachable.delete(NODE);
      await pass();
      assert.deepEqual([world.powerStates.get(URI), world.emitted], ["running", []]);
    }));

  for (const [what, writer] of [
    ["names another writer", aWriter("node-b")],
    ["is gone", undefined],
  ] as const)
    it(`stays on where its volume ${what} past a cache that is behind`, () =>
      silent({}, async (world, { pass }) => {
        const { other } = world;
        world.store.holdWatches(true);
        const present = await must(other.get("AzVolume", "pvc-1", never));
        if (writer === undefined) {
          const { metadata } = present;
          const removable = { ...present, metadata: { ...metadata, finalizers: [] } };
          await must(other.update("AzVolume", removable, never));
          await must(other.delete("AzVolume", "pvc-1", {}, never));
        } else {
          const { status } = aVolumeWithRecord({ writer });
          await must(other.updateStatus("AzVolume", { ...present, status }, never));
        }
        await pass();
        assert.deepEqual([world.powerStates.get(URI), world.emitted], ["running", []]);
      }));

  it("stays on where others fall silent while the request waits for Azure's limits", () =>
    silent({}, async (world, { pass }) => {
      world.during.powerOff = () => world.clock.sleep(40_000, never);
      await pass();
      assert.deepEqual([world.powerStates.get(URI), world.emitted], ["running", []]);
    }));

  it("is reported as powered off by the next leader, if the one that asked for it died", () =>
    silent({}, async (world, { pass }) => {
      const died = new Error("the process died before Azure's answer");
      const run: typeof world.ports.steps.run = async (_step, take) => {
        await take();
        throw died;
      };
      const { settings } = world.ports;
      const dying = {
        ...world.ports,
        steps: { run },
        settings: { ...settings, silentNodes: "power-off" },
      } as const;
      const reconciler = stoppedNodesReconciler(dying);
      const looked = (): Promise<unknown> =>
        reconciler.reconcile(NODE, never).catch((error: unknown) => error);
      await world.answerOf(looked());
      await world.clock.advance(BELIEVED_AFTER_MS);
      for (const nodeName of ["node-b", "node-c", "node-d"]) await world.beat(nodeName);
      await untilHeard(world, "node-d");
      assert.equal(await world.answerOf(looked()), died);
      assert.deepEqual([world.powerStates.get(URI), world.emitted], ["stopped", []]);
      await pass();
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["NodePoweredOff", "NodeMarkedOutOfService"],
      );
    }));

  it("is reported as powered off, and marked, by a leader whose cache is behind", () =>
    silent({}, async (world, { pass }) => {
      const { other } = world;
      world.powerStates.set(URI, "stopped");
      world.store.holdWatches(true);
      const present = await must(other.get("AzDriverNode", NODE, never));
      const { status = assert.fail() } = present;
      const condition = {
        type: POWER_OFF_REQUESTED,
        status: "True",
        reason: "NodePoweredOff",
        message: "node-a is silent",
        lastTransitionTime: toTimestamp(0),
      } as const;
      await must(
        other.updateStatus(
          "AzDriverNode",
          { ...present, status: { ...status, conditions: [condition] } },
          never,
        ),
      );
      await pass();
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["NodePoweredOff", "NodeMarkedOutOfService"],
      );
    }));

  it("is reported once for a refusal of Azure, whose request ids differ", () =>
    silent({}, async (world, { reconcile }) => {
      for (const requestId of ["request-1", "request-2"]) {
        const [code, message] = ["AuthorizationFailed", "the role lacks the action"];
        world.during.powerOff = async () =>
          void (world.inspectFailure = { kind: "CloudUnauthorized", code, message, requestId });
        assert.equal((await reconcile()).ok, false);
        world.inspectFailure = undefined;
      }
      assert.deepEqual(
        world.emitted.map(({ reason, localKey }) => [reason, localKey]),
        [1, 2].map(() => ["NodeNotPoweredOff", "CloudUnauthorized AuthorizationFailed"]),
      );
      // Of a request whose answer is lost it is not known what Azure has done.
      assert.doesNotMatch(world.emitted[0]?.message ?? "", /left running/u);
    }));

  it("stays on, and an event says why, where the request cannot be recorded", () =>
    silent({}, async (world) => {
      const failure = { kind: "StoreUnavailable", detail: "no right to update" } as const;
      const { store, settings } = world.ports;
      const reconciler = stoppedNodesReconciler({
        ...world.ports,
        settings: { ...settings, silentNodes: "power-off" },
        store: { ...store, updateStatus: async () => ({ ok: false, failure }) },
      });
      await world.answerOf(reconciler.reconcile(NODE, never));
      await world.clock.advance(BELIEVED_AFTER_MS);
      for (const nodeName of ["node-b", "node-c", "node-d"]) await world.beat(nodeName);
      await untilHeard(world, "node-d");
      assert.deepEqual(await world.answerOf(reconciler.reconcile(NODE, never)), { ok: false, failure });
      assert.equal(world.powerStates.get(URI), "running");
      assert.match(emitted(world).join(), /^NodeNotPoweredOff: .* failed: .*no right to update/u);
    }));

  it("is reported as nothing where the work ends while Azure is asked", () =>
    silent({}, async (world, { reconcile }) => {
      world.during.powerOff = async () => void (world.inspectFailure = { kind: "Cancelled" });
      assert.deepEqual(await reconcile(), { ok: false, failure: { kind: "Cancelled" } });
      assert.deepEqual(world.emitted, []);
    }));

  it("is not taken for another VM that got its resource id", () =>
    silent({}, async (world, { reconcile }) => {
      world.during.powerOff = async () => void world.instances.set(URI, "another-vm");
      assert.deepEqual(await reconcile(), {
        ok: false,
        failure: { kind: "InstanceReplaced", nodeName: NODE, vmId: "another-vm" },
      });
      assert.deepEqual([world.powerStates.get(URI), world.emitted], ["running", []]);
    }));
});

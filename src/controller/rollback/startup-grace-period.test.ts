import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  annotatedNumber,
  CONTROLLER_LEASE,
  COUNTER_ANNOTATION,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../../core/api/lease.ts";
import {
  LONE_REPORTS_ANNOTATION,
  STORE_ROLLED_BACK,
  rolledBackReason,
} from "../../core/rollback/rollback-reports.ts";
import { agoMs } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { setIncarnations } from "../testing/set-incarnations.ts";
import { StartupGracePeriod } from "./startup-grace-period.ts";

const never = new AbortController().signal;

/**
 * A controller that has just started, on a store in which others have led, and to which `node-a` and
 * `node-b` have sent heartbeats.
 */
async function withGracePeriod(
  act: (world: ReconcileWorld, gracePeriod: Asked) => Promise<void>,
  nodeNames: readonly string[] = ["node-a", "node-b"],
  status: { readonly heartbeatDelayMs?: number } = {},
): Promise<void> {
  await withControllerPorts(async (world) => {
    for (const nodeName of nodeNames)
      await world.given("AzDriverNode", aDriverNode(nodeName, { ...status, heartbeat: 7 }));
    const lease = {
      metadata: {
        name: CONTROLLER_LEASE,
        annotations: {
          [STORE_INCARNATION_ANNOTATION]: "1",
          [REBUILD_ANNOTATION]: "0",
          [COUNTER_ANNOTATION]: "30",
        },
      },
      spec: {
        holderIdentity: "controller",
        leaseDurationSeconds: 15,
        renewTime: agoMs(0),
        leaseTransitions: 0,
      },
    };
    const made = await must(world.other.create("Lease", lease, never));
    const gracePeriod = new StartupGracePeriod(world.ports);
    world.ports.leaseHighWaterMark.saw(made);
    await act(world, ask(world, gracePeriod));
  });
}

interface Asked {
  isTrusted: boolean | undefined;
  rebuilds: number;
}

/** Asks at once, and records the result. */
function ask(world: ReconcileWorld, gracePeriod: StartupGracePeriod): Asked {
  const asked: Asked = { isTrusted: undefined, rebuilds: 0 };
  gracePeriod
    .untilTrusted(
      world.ports,
      () => {
        asked.rebuilds += 1;
      },
      never,
    )
    .then(
      (isTrusted) => {
        asked.isTrusted = isTrusted;
      },
      (error: unknown) => assert.fail(String(error)),
    );
  return asked;
}

/** Lets time pass, in which the named nodes send a heartbeat every ten seconds. */
async function pass(world: ReconcileWorld, ms: number, beating: readonly string[] = []): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 10_000) {
    for (const nodeName of beating) await world.beat(nodeName);
    const untilMs = world.clock.elapsedMs() + Math.min(10_000, ms - passedMs);
    await world.clock.runUntil(() => world.clock.elapsedMs() >= untilMs, 60_000);
  }
}

async function report(world: ReconcileWorld, nodeName: string): Promise<void> {
  const present = await must(world.other.get("AzDriverNode", nodeName, never));
  assert.ok(present.status !== undefined);
  const condition = {
    type: STORE_ROLLED_BACK,
    status: "True",
    reason: rolledBackReason(1),
    message: "",
    lastTransitionTime: agoMs(0),
  } as const;
  await must(
    world.other.updateStatus(
      "AzDriverNode",
      { ...present, status: { ...present.status, heartbeat: 90, conditions: [condition] } },
      never,
    ),
  );
}

describe("a controller without a high-water mark of the store", () => {
  it("trusts no record before every node has compared its checkpoints", () =>
    withGracePeriod(async (world, asked) => {
      await pass(world, 5_000, ["node-a"]);
      assert.equal(asked.isTrusted, undefined);
      await pass(world, 1_000, ["node-b"]);
      assert.equal(asked.isTrusted, true);
    }));

  it("does not wait for a silent node if another one has reported", () =>
    withGracePeriod(async (world, asked) => {
      await pass(world, 30_000, ["node-a"]);
      assert.equal(asked.isTrusted, undefined);
      await pass(world, 20_000, ["node-a"]);
      assert.deepEqual(asked, { isTrusted: true, rebuilds: 0 });
    }));

  it("waits for a node as much longer as its heartbeat has stated", () =>
    withGracePeriod(
      async (world, asked) => {
        await pass(world, 80_000, ["node-a"]);
        assert.equal(asked.isTrusted, undefined);
        await pass(world, 20_000, ["node-a"]);
        assert.deepEqual(asked, { isTrusted: true, rebuilds: 0 });
      },
      ["node-a", "node-b"],
      { heartbeatDelayMs: 50_000 },
    ));

  it("trusts no record after a node's rollback report until all have been rebuilt", () =>
    withGracePeriod(async (world, asked) => {
      await report(world, "node-a");
      await pass(world, 60_000, ["node-b"]);
      assert.equal(asked.isTrusted, undefined);
      await setIncarnations(world, 1, 2);
      await pass(world, 10_000, ["node-a", "node-b"]);
      assert.equal(asked.isTrusted, undefined);
      await setIncarnations(world, 2, 0);
      await pass(world, 1_000);
      assert.equal(asked.isTrusted, true);
    }));

  it("does not wait for a report that itself waits for a second witness", () =>
    withGracePeriod(async (world, asked) => {
      const lease = await must(world.other.get("Lease", CONTROLLER_LEASE, never));
      const annotations = {
        ...lease.metadata.annotations,
        [LONE_REPORTS_ANNOTATION]: JSON.stringify({ "node-a": world.clock.nowMs() }),
      };
      await must(
        world.other.update("Lease", { ...lease, metadata: { ...lease.metadata, annotations } }, never),
      );
      await report(world, "node-a");
      await pass(world, 10_000, ["node-a", "node-b"]);
      assert.deepEqual(asked, { isTrusted: true, rebuilds: 0 });
    }));

  it("does not wait endlessly for a node that changes while its counter stays", () =>
    withGracePeriod(async (world, asked) => {
      for (let times = 0; times < 14; times++) {
        const present = await must(world.other.get("AzDriverNode", "node-a", never));
        assert.ok(present.status !== undefined);
        await must(
          world.other.updateStatus(
            "AzDriverNode",
            { ...present, status: { ...present.status, statusMessage: `${times}` } },
            never,
          ),
        );
        await pass(world, 10_000, ["node-b"]);
      }
      assert.deepEqual(asked, { isTrusted: true, rebuilds: 0 });
    }));

  it("requests a rebuild of every record where no node is left that could report", () =>
    withGracePeriod(async (world, asked) => {
      await pass(world, 50_000);
      assert.deepEqual(asked, { isTrusted: undefined, rebuilds: 1 });
      assert.equal(
        annotatedNumber(await must(world.other.get("Lease", CONTROLLER_LEASE, never)), REBUILD_ANNOTATION),
        2,
      );
    }));

  it("does not count the first heartbeat of a new node as a comparison", () =>
    withGracePeriod(async (world, asked) => {
      await world.given("AzDriverNode", aDriverNode("node-c"));
      await pass(world, 30_000, ["node-c"]);
      assert.equal(asked.isTrusted, undefined);
    }));

  it("waits for no node where none has ever registered", () =>
    withGracePeriod(async (world, asked) => {
      await pass(world, 1_000);
      assert.equal(asked.isTrusted, true);
    }, []));

  it("does not wait if it has run for a while by the time it leads", () =>
    withGracePeriod(async (world) => {
      const gracePeriod = new StartupGracePeriod(world.ports);
      await pass(world, 10_000, ["node-a", "node-b"]);
      const asked = ask(world, gracePeriod);
      await pass(world, 300);
      assert.equal(asked.isTrusted, true);
    }));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../core/failure/result.ts";
import { aVolume, aVolumeWithRecord, aWriter, identity, instanceUriOf } from "../core/testing/objects.ts";
import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import { silentLogger } from "../ports/testing/silent-logger.ts";
import { ControlLoop, type Reconciler } from "../runtime/queue/control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { diskReconciler } from "./disk/disk-reconciler.ts";
import { askAzureReconciler } from "./fencing/ask-azure-reconciler.ts";
import { stoppedNodesReconciler } from "./nodes/mark-stopped-nodes.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";
import { anInstance } from "./testing/an-instance.ts";

/** The object of the zone for which Azure answers. */
const LIVE = "live";

/** A call that Azure does not answer. */
function unanswered(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/**
 * Queues objects for which Azure answers no call, as many as the loop has workers, and then one of another
 * zone. Returns how long that one waited for its first call, in milliseconds.
 */
async function waitBehindHanging(
  world: ReconcileWorld,
  {
    loop: loopOf,
    cloud,
    give,
  }: {
    readonly loop: (ports: ControllerPorts) => Reconciler;
    /** `onLive` is to be called with the first call for the object of the other zone. */
    readonly cloud: (onLive: () => void) => Partial<CloudProvisioner>;
    readonly give: (name: string, isLive: boolean) => Promise<void>;
  },
): Promise<number | undefined> {
  let liveAtMs: number | undefined;
  const onLive = (): void => {
    liveAtMs ??= world.clock.elapsedMs();
  };
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, ...cloud(onLive) } };
  const reconciler = loopOf(ports);
  const random = { next: () => 0, uuid: () => "" };
  const loop = new ControlLoop(reconciler, { clock: world.clock, random, logger: silentLogger });
  const names = [...Array(reconciler.workers).keys()].map((number) => `down-${number}`);
  for (const name of names) await give(name, false);
  await give(LIVE, true);
  const life = new AbortController();
  const running = loop.run(life.signal);
  // By then the plan asks about a VM, and heartbeats are stale.
  await world.clock.advance(60_000);
  const queuedAtMs = world.clock.elapsedMs();
  for (const name of [...names, LIVE]) loop.queue.add(name);
  await world.clock.advance(3_600_000);
  life.abort();
  await running;
  return liveAtMs === undefined ? undefined : liveAtMs - queuedAtMs;
}

describe("calls that Azure does not answer for one zone", () => {
  it("hold up no disk of another zone for longer than two minutes", () =>
    withControllerPorts(async (world) => {
      const waitedMs = await waitBehindHanging(world, {
        loop: diskReconciler,
        cloud: (onLive) => ({
          createDisk: ({ diskName }, signal) => {
            if (diskName === LIVE) onLive();
            return unanswered(signal);
          },
        }),
        give: async (name) => {
          const { status: _, ...volume } = aVolume({ metadata: { name }, spec: { volumeName: name } });
          await world.given("AzVolume", volume);
        },
      });
      assert.equal(waitedMs, 120_000);
    }));

  it("hold up no question about a VM of another zone for longer than ten seconds", () =>
    withControllerPorts(async (world) => {
      for (const nodeName of ["node-a", "node-b"]) {
        await world.given("AzDriverNode", aDriverNode(nodeName));
        world.instances.set(instanceUriOf(nodeName), identity(nodeName).vmId);
      }
      const waitedMs = await waitBehindHanging(world, {
        loop: askAzureReconciler,
        cloud: (onLive) => ({
          inspectInstance: async ({ nodeName }, signal) => {
            if (nodeName === "node-b") return unanswered(signal);
            onLive();
            return ok(anInstance(nodeName));
          },
        }),
        give: async (name, isLive) => {
          const record = { writer: aWriter(isLive ? "node-a" : "node-b", { requested: false }) };
          const volume = aVolumeWithRecord(record, { volumeName: name });
          await world.given("AzVolume", { ...volume, metadata: { ...volume.metadata, name } });
        },
      });
      assert.equal(waitedMs, 10_000);
    }));

  it("hold up the mark of no node of another zone for longer than ten seconds", () =>
    withControllerPorts(async (world) => {
      const waitedMs = await waitBehindHanging(world, {
        loop: stoppedNodesReconciler,
        cloud: (onLive) => ({
          inspectInstance: async ({ nodeName }, signal) => {
            if (nodeName !== LIVE) return unanswered(signal);
            onLive();
            return ok(anInstance(nodeName));
          },
        }),
        give: async (name) => {
          await world.given("AzDriverNode", aDriverNode(name));
          world.nodeUids.set(name, `uid-of-${name}`);
          world.nodeNames.set(instanceUriOf(name), name);
          world.unreachable.add(name);
        },
      });
      assert.equal(waitedMs, 10_000);
    }));
});

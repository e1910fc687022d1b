import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { NodeTaint } from "../../core/node/node-taints.ts";
import { anAttachment } from "../../core/testing/objects.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { type DrainPorts, waitUntilDrained } from "./wait-until-drained.ts";

const never = new AbortController().signal;
const drained: readonly NodeTaint[] = [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }];

interface World {
  readonly clock: VirtualClock;
  /** Undefined: the Node is gone. */
  taints: readonly NodeTaint[] | undefined;
  isShuttingDown: boolean;
  checkpointed: readonly string[];
  attachments: readonly AzVolumeAttachment[];
  isServerDown: boolean;
  readonly ports: DrainPorts;
}

function aWorld(
  given: Partial<Pick<World, "taints" | "isShuttingDown" | "checkpointed" | "attachments" | "isServerDown">>,
): World {
  const clock = createVirtualClock();
  const down = fail({ kind: "StoreUnavailable", detail: "no answer" } as const);
  const world: World = {
    clock,
    taints: [],
    isShuttingDown: false,
    checkpointed: [],
    attachments: [],
    isServerDown: false,
    ports: {
      ownNode: {
        read: async () => {
          if (world.isServerDown) return down;
          const { taints, isShuttingDown } = world;
          return ok(taints === undefined ? undefined : { labels: {}, taints, isShuttingDown, volumeIds: [] });
        },
      },
      // Nothing but attachments is listed.
      store: {
        list: (async () =>
          world.isServerDown
            ? down
            : ok({
                items: world.attachments,
                resourceVersion: "1",
              })) as unknown as DrainPorts["store"]["list"],
      },
      readCheckpointedVolumes: async () => world.checkpointed,
      nodeName: "node-a",
      clock,
      logger: silentLogger,
    },
    ...given,
  };
  return world;
}

/** Whether the wait is over after a time. */
async function isOverAfter(world: World, ms: number, act: () => void): Promise<readonly [boolean, boolean]> {
  let isOver = false;
  const life = new AbortController();
  const waiting = waitUntilDrained(world.ports, life.signal).then(
    () => (isOver = true),
    () => undefined,
  );
  await world.clock.advance(ms);
  const before = isOver;
  act();
  await world.clock.advance(1_000);
  const after = isOver;
  life.abort();
  await settledOn(world.clock, waiting);
  return [before, after];
}

describe("waitUntilDrained", () => {
  it("lets an upgrade continue at once, whatever is mounted", async () => {
    const world = aWorld({ checkpointed: ["pvc-1"], attachments: [anAttachment("node-a")] });
    assert.equal(await waitUntilDrained(world.ports, never), false);
  });

  it("does not delay the end of a drained node without volumes", async () => {
    const world = aWorld({
      taints: drained,
      attachments: [anAttachment("node-a", { spec: { role: "Replica" } }), anAttachment("node-b")],
    });
    assert.equal(await waitUntilDrained(world.ports, never), true);
  });

  it("waits for the last mount, which only this plug-in can remove", async () => {
    const world = aWorld({ taints: drained, checkpointed: ["pvc-1"] });
    assert.deepEqual(await isOverAfter(world, 600_000, () => (world.checkpointed = [])), [false, true]);
  });

  it("waits for a stage that the kubelet of a node that shuts down does not wait for", async () => {
    const world = aWorld({ isShuttingDown: true, checkpointed: ["pvc-1"] });
    assert.deepEqual(await isOverAfter(world, 5_000, () => (world.checkpointed = [])), [false, true]);
  });

  it("waits until nothing is published to the node any more", async () => {
    const world = aWorld({ taints: drained, attachments: [anAttachment("node-a")] });
    const demote = (): void =>
      void (world.attachments = [anAttachment("node-a", { spec: { role: "Replica" } })]);
    assert.deepEqual(await isOverAfter(world, 600_000, demote), [false, true]);
  });

  it("does not wait for ControllerUnpublishVolume once a volume is unstaged", async () => {
    const { spec, ...published } = anAttachment("node-a");
    const { writerRequest: _, ...unstaged } = spec;
    const world = aWorld({ isShuttingDown: true, attachments: [{ ...published, spec: unstaged }] });
    assert.deepEqual(await isOverAfter(world, 5_000, () => undefined), [true, true]);
  });

  it("treats a Node that is gone as drained", async () => {
    const world = aWorld({ taints: undefined, checkpointed: ["pvc-1"] });
    assert.deepEqual(await isOverAfter(world, 10_000, () => (world.checkpointed = [])), [false, true]);
  });

  it("retries while it is unknown whether the node is being drained", async () => {
    const world = aWorld({ taints: drained, isServerDown: true });
    assert.deepEqual(await isOverAfter(world, 60_000, () => (world.isServerDown = false)), [false, true]);
  });

  it("ends with its signal", async () => {
    const world = aWorld({ taints: drained, checkpointed: ["pvc-1"] });
    const life = new AbortController();
    const waiting = waitUntilDrained(world.ports, life.signal);
    await world.clock.advance(1_000);
    life.abort(new Error("no more time"));
    await assert.rejects(settledOn(world.clock, waiting), /no more time/);
  });
});

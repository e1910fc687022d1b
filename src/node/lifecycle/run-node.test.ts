import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeLabel } from "../../core/api/node-labels.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { fail, type Result } from "../../core/failure/result.ts";
import { anAttachment, aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { listIn, changedRecord } from "../../core/testing/record-lists.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import { lookAtMount } from "../look-at-mount.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf } from "../own-state.ts";
import { type NodeWorld, withNode, stagingPath } from "../testing/a-node.ts";
import { runNode } from "./run-node.ts";

const never = new AbortController().signal;
const LIMIT_MS = 60_000;
/** The default of `--heartbeat-stale-ms`. */
const HEARTBEAT_STALE_MS = 35_000;
const granted = aWriter("node-a", { held: false });

/** Runs the node's own work while `act` observes. */
async function whileRunning(
  world: NodeWorld,
  act: () => Promise<void>,
  ports = world.ports(),
): Promise<void> {
  const life = new AbortController();
  const running = runNode(ports, life.signal);
  try {
    await act();
  } finally {
    life.abort();
    await world.answerOf(running);
  }
}

/** The same node with volumes, frozen by an earlier plug-in, whose disks answer no call. */
function besideHungDisks({ host, checkpoints, ...ports }: NodePorts): NodePorts {
  const hung = Array.from({ length: 16 }, (_, index) =>
    aCheckpoint({ volumeName: `hung-${index}`, majorMinor: `8:${160 + index}` }),
  );
  const marks = hung.map(({ volumeName, stagingPath: path }) => ({
    ...{ volumeName, id: "f", path, majorMinor: "8:160" },
  }));
  const untilAborted = (signal: AbortSignal): Promise<Result<never>> =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(fail({ kind: "Cancelled" })));
    });
  const isHung = (path: string): boolean => hung.some((checkpoint) => checkpoint.stagingPath === path);
  return {
    ...ports,
    host: {
      ...host,
      mountAt: (path, signal) => (isHung(path) ? untilAborted(signal) : host.mountAt(path, signal)),
      pathKind: (path, signal) => (isHung(path) ? untilAborted(signal) : host.pathKind(path, signal)),
      thaw: (mark, signal) => (isHung(mark.path) ? untilAborted(signal) : host.thaw(mark, signal)),
    },
    checkpoints: {
      ...checkpoints,
      volumes: () => [...hung, ...checkpoints.volumes()],
      freezes: () => [...marks, ...checkpoints.freezes()],
    },
  };
}

describe("runNode", () => {
  it("sends its heartbeats in time where it can't write its checkpoints", () =>
    withNode({ writer: granted }, async (world) => {
      const refused = { kind: "HostNotReady", detail: "the root disk is read-only" } as const;
      const ports = world.ports();
      const checkpoints = { ...ports.checkpoints, putHeartbeat: async () => fail(refused) };
      let beats = 0;
      const steps: typeof ports.steps = {
        run: (step, take) => {
          if (step === "heartbeat") beats += 1;
          return take();
        },
      };
      await whileRunning(
        world,
        async () => {
          await world.clock.advance(600_000);
          const before = beats;
          await world.clock.advance(HEARTBEAT_STALE_MS);
          assert.ok(beats - before >= 3, `${beats - before} heartbeats before this node counts as silent`);
        },
        { ...ports, checkpoints, steps },
      );
    }));

  it("leaves nothing frozen when it is asked to end and its holder killed", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await whileRunning(world, async () => {
        await world.setAttachment((present) => ({
          ...present,
          spec: { ...present.spec, freeze: { id: "f", seconds: 60 } },
        }));
        const isFrozen = (): boolean => world.attachment()?.status?.freeze?.state === "Frozen";
        assert.ok(await world.clock.runUntil(isFrozen, LIMIT_MS));
        assert.equal(world.machine.frozenDisks().length, 1);
      });
      world.restartPlugin({ childrenSurvive: false });
      assert.deepEqual(world.machine.frozenDisks(), []);
      await whileRunning(world, async () => {
        const isLost = (): boolean => world.attachment()?.status?.freeze?.state === "Lost";
        assert.ok(await world.clock.runUntil(isLost, LIMIT_MS));
      });
    }));

  it("states what is wrong with a mount while looks at others' disks hang", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      const volumeId = `${diskUri}-hung-0`;
      const name = attachmentObjectName({ diskUri: volumeId, nodeName: "node-a" });
      const hung = { metadata: { name }, spec: { volumeName: "hung-0", volumeId } };
      await world.given("AzVolumeAttachment", anAttachment("node-a", hung));
      const ports = besideHungDisks(world.ports());
      const { pathKind } = ports.host;
      let looks = 0;
      const host: NodePorts["host"] = {
        ...ports.host,
        pathKind: (path, signal) => {
          looks += 1;
          return pathKind(path, signal);
        },
      };
      await whileRunning(
        world,
        async () => {
          assert.ok(await world.clock.runUntil(() => looks > 1, 10 * LIMIT_MS), "there is no look");
          world.machine.detach(0);
          const checkpoint = checkpointOf(ports, "pvc-1");
          const look = lookAtMount(ports, { volumeId: diskUri, path: stagingPath, checkpoint }, never);
          assert.equal((await world.answerOf(look)).ok, false);
          const isStated = (): boolean => world.attachment()?.status?.mountProblems?.length === 1;
          assert.ok(await world.clock.runUntil(isStated, 1_000), "it waits for the other look");
        },
        { ...ports, host },
      );
    }));

  it("leaves a quarantine that an earlier plug-in has left behind", () =>
    withNode({ quarantined: [identity("node-a")] }, async (world) => {
      await whileRunning(world, async () => {
        assert.ok(
          await world.clock.runUntil(() => listIn(world.record(), "quarantined").length === 0, LIMIT_MS),
        );
      });
    }));

  it("leaves a quarantine beside any number of disks that do not answer", () =>
    withNode({ quarantined: [identity("node-a")] }, async (world) => {
      await whileRunning(
        world,
        async () => {
          assert.ok(
            await world.clock.runUntil(() => listIn(world.record(), "quarantined").length === 0, LIMIT_MS),
          );
        },
        besideHungDisks(world.ports()),
      );
    }));

  it("freezes a file system beside any number of disks that do not thaw", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await whileRunning(
        world,
        async () => {
          await world.clock.advance(1_000);
          await world.setAttachment((present) => ({
            ...present,
            spec: { ...present.spec, freeze: { id: "f", seconds: 60 } },
          }));
          const isFrozen = (): boolean => world.attachment()?.status?.freeze?.state === "Frozen";
          assert.ok(await world.clock.runUntil(isFrozen, LIMIT_MS));
        },
        besideHungDisks(world.ports()),
      );
    }));

  it("verifies itself where an earlier plug-in died before it had", () =>
    withNode({ unverified: [identity("node-a")], defaultAccess: "quarantined" }, async (world) => {
      await whileRunning(world, async () => {
        assert.ok(
          await world.clock.runUntil(() => listIn(world.record(), "unverified").length === 0, LIMIT_MS),
        );
      });
    }));

  it("reports clean of a volume that it waits for when the record is rebuilt", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      await whileRunning(world, async () => {
        await world.clock.advance(10_000);
        await world.setRecord(({ writer: _, ...record }) =>
          changedRecord(record, { defaultAccess: "quarantined", clean: [] }),
        );
        assert.ok(await world.clock.runUntil(() => listIn(world.record(), "clean").length === 1, LIMIT_MS));
      });
    }));

  it("releases a recalled volume once the last target is unbound, without any event", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      assert.equal((await world.stage({}, ports)).ok, true);
      assert.equal((await world.publish({}, ports)).ok, true);
      await world.setRecord((record) => ({
        ...record,
        ...(record.writer === undefined ? {} : { writer: { ...record.writer, requested: false } }),
      }));
      const { name } = anAttachment("node-a").metadata;
      const attachment = await world.answerOf(world.store.get("AzVolumeAttachment", name, never));
      assert.ok(attachment.ok);
      const recall = { id: "recall-1", since: "2026-01-01T00:00:00.000Z" };
      assert.ok(
        (
          await world.answerOf(
            world.store.update(
              "AzVolumeAttachment",
              { ...attachment.value, spec: { ...attachment.value.spec, recall } },
              never,
            ),
          )
        ).ok,
      );
      await whileRunning(world, async () => {
        const isAnswered = (): boolean => world.steps.includes("answer-recall");
        assert.ok(await world.clock.runUntil(isAnswered, LIMIT_MS));
        await world.clock.advance(10_000);
        assert.equal((await world.unpublish({}, ports)).ok, true);
        assert.ok(await world.clock.runUntil(() => world.record()?.writer?.held === false, LIMIT_MS));
      });
    }));

  it("probes its replicas", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      await world.setAttachment(({ spec: { writerRequest: _, ...spec }, ...attachment }) => ({
        ...attachment,
        spec: { ...spec, role: "Replica" },
      }));
      await whileRunning(world, async () => {
        await world.clock.advance(1_000);
        world.machine.detach(0);
        assert.ok(
          await world.clock.runUntil(() => world.attachment()?.status?.deviceMissing === true, 2 * LIMIT_MS),
        );
      });
    }));

  it("reports a rollback as soon as a record is older than its checkpoint", () =>
    withNode({ writer: { ...granted, epoch: 5 }, epoch: 5 }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await whileRunning(world, async () => {
        const conditions = async (): Promise<readonly string[]> => {
          const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
          return node.ok ? (node.value.status?.conditions ?? []).map(({ type }) => type) : [];
        };
        await world.clock.advance(1_000);
        assert.deepEqual(await conditions(), []);
        await world.setRecord((record) => ({ ...record, epoch: 4 }));
        await world.clock.advance(1_000);
        assert.deepEqual(await conditions(), ["StoreRolledBack"]);
      });
    }));

  it("reports a rollback to before it had the volume's label, and unmounts nothing", () =>
    withNode({ writer: { ...granted, epoch: 5 }, epoch: 5 }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await whileRunning(world, async () => {
        const conditions = async (): Promise<readonly string[]> => {
          const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
          return node.ok ? (node.value.status?.conditions ?? []).map(({ type }) => type) : [];
        };
        await world.clock.advance(1_000);
        await world.setRecord(({ writer: _, ...record }) => ({ ...record, epoch: 4 }));
        await world.setVolume((volume) => ({ ...volume, metadata: { ...volume.metadata, labels: {} } }));
        await world.clock.advance(1_000);
        assert.equal(world.ports().cache.get("AzVolume", "pvc-1"), undefined);
        assert.deepEqual(await conditions(), ["StoreRolledBack"]);
        await world.clock.advance(LIMIT_MS);
        assert.equal(world.machine.mounts().length, 1);
      });
    }));

  it("keeps a volume that it uses while a person has removed the label", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await whileRunning(world, async () => {
        await world.setVolume((volume) => ({ ...volume, metadata: { ...volume.metadata, labels: {} } }));
        await world.clock.advance(LIMIT_MS);
        assert.equal(world.ports().cache.get("AzVolume", "pvc-1"), undefined);
        assert.deepEqual([world.machine.mounts().length, world.record()?.writer?.held], [1, true]);
        const labels = { [nodeLabel("node-a")]: "" };
        await world.setVolume((volume) => ({ ...volume, metadata: { ...volume.metadata, labels } }));
        await world.setRecord((record) => ({
          ...record,
          ...(record.writer === undefined ? {} : { writer: { ...record.writer, requested: false } }),
        }));
        assert.ok(await world.clock.runUntil(() => world.record()?.writer?.held === false, LIMIT_MS));
      });
    }));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail } from "../../core/failure/result.ts";
import { aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import { distrust } from "../../core/writer/record/writer-steps.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, stagingPath, withNode } from "../testing/a-node.ts";
import { acquireVolume } from "./acquire-volume.ts";
import { checkHeld } from "./check-held.ts";
import { releaseVolume } from "./release-volume.ts";

const never = new AbortController().signal;
const granted = aWriter("node-a", { held: false });

describe("acquireVolume", () => {
  const fencing = identity("node-a");
  for (const [what, isHeld, looks, fence] of [
    ["acquires a volume that was just granted, and looks for no trace of it", false, 0, {}],
    ["acquires once more what it holds, if nothing is left of it", true, 1, {}],
    ["acquires nothing that it is being fenced from, and looks for no trace of it", true, 0, { fencing }],
  ] as const)
    it(what, () =>
      withNode({ writer: aWriter("node-a", { held: isHeld }) }, async (world) => {
        await world.setRecord((record) => ({ ...record, ...fence }));
        const ports = world.ports();
        let looked = 0;
        const isClean: typeof ports.host.isClean = (where, signal) => {
          looked += 1;
          return ports.host.isClean(where, signal);
        };
        const taken = await world.answerOf(
          acquireVolume({ ...ports, host: { ...ports.host, isClean } }, "pvc-1", 0, never),
        );
        assert.deepEqual([taken.ok, looked], [!("fencing" in fence), looks]);
        assert.equal(world.record()?.writer?.held, true);
      }),
    );

  it("does not acquire again what a process has raw where the checkpoint was lost", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      const again = async (): Promise<string> => {
        const taken = await world.answerOf(acquireVolume(world.ports(), "pvc-1", 0, never));
        return kindOf(taken);
      };
      const close = world.machine.openRaw(0);
      assert.equal(await again(), "NotWriter");
      close();
      assert.equal(await again(), "ok");
    }));

  it("acquires nothing by a record from a backup restored after the store was trusted", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const ports = world.ports();
      const get: NodePorts["store"]["get"] = async (kind, name, signal) => {
        const read = await ports.store.get(kind, name, signal);
        // The last read before the store counts as trusted.
        if (kind === "AzDriverNode") await world.setRecord((record) => ({ ...record, writer: granted }));
        return read;
      };
      const taken = await world.answerOf(
        acquireVolume({ ...ports, store: { ...ports.store, get } }, "pvc-1", 0, never),
      );
      assert.equal(!taken.ok && taken.failure.kind, "NotWriter");
      assert.deepEqual(world.record()?.writer, granted);
    }));
});

describe("acquireVolume, by a record that is older than the node's checkpoint", () => {
  const checkpointed = (uid: string, epoch: number) =>
    aCheckpoint({ uid, epoch, volumeId: diskUri, stagingPath });

  for (const [what, epoch, isTaken] of [
    ["acquires nothing where its checkpoint has a later epoch of that object", 2, false],
    ["acquires it where its checkpoint has the same epoch", 1, true],
  ] as const)
    it(what, () =>
      withNode({ writer: granted, epoch: 1 }, async (world) => {
        const ports = world.ports();
        const volume = await world.answerOf(ports.store.get("AzVolume", "pvc-1", never));
        const { uid } = volume.ok ? volume.value.metadata : assert.fail("no volume");
        assert.equal((await world.answerOf(ports.checkpoints.put(checkpointed(uid, epoch), never))).ok, true);
        const taken = await world.answerOf(acquireVolume(ports, "pvc-1", 0, never));
        assert.equal(taken.ok || taken.failure.kind, isTaken || "NotWriter");
        assert.equal(world.record()?.writer?.held, isTaken);
      }),
    );

  it("acquires the volume of a recreated object, whatever its old checkpoint says", () =>
    withNode({ writer: granted, epoch: 1 }, async (world) => {
      const ports = world.ports();
      assert.equal(
        (await world.answerOf(ports.checkpoints.put(checkpointed("of the old object", 2), never))).ok,
        true,
      );
      assert.equal((await world.answerOf(acquireVolume(ports, "pvc-1", 0, never))).ok, true);
    }));
});

describe("acquireVolume, after this node has released the volume", () => {
  async function releasedOnce(world: NodeWorld): Promise<NodePorts> {
    const ports = world.ports();
    assert.equal((await world.answerOf(acquireVolume(ports, "pvc-1", 0, never))).ok, true);
    assert.equal(
      (await world.answerOf(releaseVolume(ports, { volumeName: "pvc-1", isFlushed: false }, never))).ok,
      true,
    );
    return ports;
  }

  it("acquires nothing by a record from before the release, and reports it", () =>
    withNode({ writer: granted, epoch: 1 }, async (world) => {
      const ports = await releasedOnce(world);
      await world.setRecord((record) => ({ ...record, writer: aWriter("node-a") }));
      const taken = await world.answerOf(acquireVolume(ports, "pvc-1", 0, never));
      assert.deepEqual(!taken.ok && taken.failure, {
        kind: "StoreRolledBack",
        detail: "by pvc-1 this node holds the volume in epoch 1, in which it has released it",
      });
      assert.equal(ports.checkpoints.rollbackIncarnation(), 0, "the next heartbeat reports it");
    }));

  it("acquires it again while it may, whether or not the answer is lost", () =>
    withNode({ writer: granted, epoch: 1 }, async (world) => {
      const ports = await releasedOnce(world);
      const updateStatus: NodePorts["store"]["updateStatus"] = async (kind, object, signal) => {
        const written = await ports.store.updateStatus(kind, object, signal);
        return written.ok ? fail({ kind: "StoreUnavailable", detail: "the answer is lost" }) : written;
      };
      const store = { ...ports.store, updateStatus };
      const lost = await world.answerOf(acquireVolume({ ...ports, store }, "pvc-1", 0, never));
      assert.deepEqual([lost.ok, world.record()?.writer?.held], [false, true]);
      assert.equal((await world.answerOf(acquireVolume(ports, "pvc-1", 0, never))).ok, true);
    }));

  it("remembers its release where it may not acquire the volume now", () =>
    withNode({ writer: granted, epoch: 1 }, async (world) => {
      const ports = await releasedOnce(world);
      await world.setRecord((record) => ({ ...record, writer: aWriter("node-b", { held: false }) }));
      const refused = await world.answerOf(acquireVolume(ports, "pvc-1", 0, never));
      assert.equal(!refused.ok && refused.failure.kind, "NotWriter");
      await world.setRecord((record) => ({ ...record, writer: aWriter("node-a") }));
      const taken = await world.answerOf(acquireVolume(ports, "pvc-1", 0, never));
      assert.equal(!taken.ok && taken.failure.kind, "StoreRolledBack");
    }));

  it("reports no rollback where the controller has counted its grant as held", () =>
    withNode({ writer: granted, epoch: 1 }, async (world) => {
      const ports = await releasedOnce(world);
      await world.setRecord((record) => {
        const distrusted = distrust(record, identity("node-a"), "writer");
        assert.ok(distrusted.ok, JSON.stringify(distrusted));
        return distrusted.value;
      });
      const taken = await world.answerOf(acquireVolume(ports, "pvc-1", 0, never));
      assert.equal(!taken.ok && taken.failure.kind, "NotWriter");
      assert.equal(ports.checkpoints.rollbackIncarnation(), undefined);
    }));

  it("acquires it in its next epoch", () =>
    withNode({ writer: granted, epoch: 1 }, async (world) => {
      const ports = await releasedOnce(world);
      await world.grantAgain();
      assert.equal((await world.answerOf(acquireVolume(ports, "pvc-1", 0, never))).ok, true);
    }));
});

describe("checkHeld", () => {
  it("renews a request that a release check has withdrawn, against a later fence", () =>
    withNode({ writer: aWriter("node-a", { requested: false }) }, async (world) => {
      const held = await world.answerOf(checkHeld(world.ports(), "pvc-1", never));
      assert.deepEqual(held, { ok: true, value: aWriter("node-a") });
      assert.deepEqual(world.record()?.writer, aWriter("node-a"));
    }));
});

describe("releaseVolume", () => {
  it("does not release after a check without a device to look at", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await world.ports().checkpoints.remove("pvc-1", never);
      const attached = world.attachment();
      assert.ok(attached?.status !== undefined);
      const { status } = attached;
      const release = (): ReturnType<typeof releaseVolume> =>
        world.answerOf(releaseVolume(world.ports(), { volumeName: "pvc-1", isFlushed: false }, never));

      await world.setAttachment((attachment) => ({
        ...attachment,
        status: { state: "Attaching", role: "Primary" },
      }));
      assert.deepEqual(await release(), {
        ok: false,
        failure: {
          kind: "StillWaiting",
          volumeId: diskUri,
          what: "the attachment to node-a that says where its disk is",
        },
      });
      await world.setAttachment((attachment) => ({ ...attachment, status }));
      const busy = await release();
      assert.equal(!busy.ok && busy.failure.kind, "DeviceBusy");
      assert.equal(world.record()?.writer?.held, true);

      assert.equal((await world.answerOf(world.ports().host.unmount(stagingPath, never))).ok, true);
      assert.deepEqual(await release(), { ok: true, value: undefined });
      assert.equal(world.record()?.writer?.held, false);
    }));
});

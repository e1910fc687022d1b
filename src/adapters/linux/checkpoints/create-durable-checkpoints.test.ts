import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { NodeCheckpoints, VolumeCheckpoint } from "../../../ports/host/node-checkpoints.ts";
import { aCheckpoint } from "../../../ports/testing/a-checkpoint.ts";
import { createCallLane } from "../call-lane.ts";
import { createDurableCheckpoints } from "./create-durable-checkpoints.ts";
import type { CheckpointFile } from "./parse-node-checkpoints.ts";

const never = new AbortController().signal;
const readOnly: Failure = { kind: "HostNotReady", detail: "EROFS" };
const full: Failure = { kind: "CheckpointsFull", path: "/state/volumes.json", neededBytes: 1 };

function tuned(given: Partial<VolumeCheckpoint> = {}): VolumeCheckpoint {
  return aCheckpoint({ targetPaths: ["/a", "/b"], deviceSettings: { "queue/scheduler": "none" }, ...given });
}

const { deviceSettings: _, ...restored } = tuned();
const mark = { volumeName: "pvc-1", id: "f", path: "/staging", majorMinor: "8:32" };

/** Checkpoints of one volume, staged and frozen, on a disk that fails from now on. */
async function onBrokenDisk() {
  const disk: { fault: Failure | undefined; content: CheckpointFile | undefined } = {
    fault: undefined,
    content: undefined,
  };
  const checkpoints = createDurableCheckpoints(
    { bootId: undefined, heartbeat: 1, volumes: [tuned()], freezes: [mark] },
    async (content) => {
      if (disk.fault !== undefined) return fail(disk.fault);
      disk.content = content;
      return ok(undefined);
    },
    { lane: createCallLane() },
  );
  assert.equal(checkpoints.unwritten(), undefined);
  disk.fault = readOnly;
  return { disk, checkpoints };
}

const contentOf = (checkpoints: NodeCheckpoints): unknown => ({
  heartbeat: checkpoints.heartbeat(),
  volumes: checkpoints.volumes(),
  freezes: checkpoints.freezes(),
});

describe("createDurableCheckpoints, on a disk that takes no change", () => {
  type Change = (checkpoints: NodeCheckpoints, signal?: AbortSignal) => ReturnType<NodeCheckpoints["put"]>;
  const put =
    (checkpoint: VolumeCheckpoint): Change =>
    (checkpoints, signal = never) =>
      checkpoints.put(checkpoint, signal);
  const removals: readonly (readonly [string, Change, object])[] = [
    ["a target", put(tuned({ targetPaths: ["/b"] })), { volumes: [tuned({ targetPaths: ["/b"] })] }],
    ["the settings of a device", put(restored), { volumes: [restored] }],
    ["nothing", put(tuned()), {}],
    ["a volume", (checkpoints, signal = never) => checkpoints.remove("pvc-1", signal), { volumes: [] }],
    ["a freeze", (checkpoints, signal = never) => checkpoints.removeFreeze("pvc-1", signal), { freezes: [] }],
  ];
  for (const [what, change, result] of removals)
    it(`removes ${what} at once, and from the disk with the next change that is written`, async () => {
      const { disk, checkpoints } = await onBrokenDisk();
      const expected = { heartbeat: 1, volumes: [tuned()], freezes: [mark], ...result };
      assert.deepEqual(await change(checkpoints), ok(undefined));
      assert.deepEqual([contentOf(checkpoints), checkpoints.unwritten()], [expected, readOnly]);
      assert.deepEqual(
        [await checkpoints.putHeartbeat({ heartbeat: 2, vmId: "vm-1" }, never), checkpoints.heartbeat()],
        [fail(readOnly), 2],
      );
      disk.fault = undefined;
      assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 3, vmId: "vm-1" }, never), ok(undefined));
      assert.equal(checkpoints.unwritten(), undefined);
      assert.deepEqual(disk.content, { bootId: undefined, ...expected, heartbeat: 3, heartbeatVmId: "vm-1" });
    });

  const others: readonly (readonly [string, Change])[] = [
    ["a volume", put(tuned({ volumeName: "pvc-2" }))],
    ["a target", put(tuned({ targetPaths: ["/a", "/b", "/c"] }))],
    ["another target instead", put(tuned({ targetPaths: ["/c"] }))],
    ["an epoch", put(tuned({ epoch: 2, targetPaths: [] }))],
    ["another device", put(tuned({ majorMinor: "8:48", targetPaths: [] }))],
    ["a device that is not known", put(tuned({ majorMinor: undefined }))],
    ["another object", put(tuned({ uid: "uid-2" }))],
    ["other settings", put(tuned({ deviceSettings: { "queue/scheduler": "kyber" } }))],
    ["the VM", put(tuned({ vm: { vmId: "guid-a", instanceUri: "/virtualMachines/a" } }))],
    ["a freeze", (checkpoints, signal = never) => checkpoints.putFreeze({ ...mark, id: "g" }, signal)],
  ];
  for (const [what, change] of others)
    it(`does not take ${what}`, async () => {
      const { checkpoints } = await onBrokenDisk();
      const before = contentOf(checkpoints);
      assert.deepEqual(await change(checkpoints), fail(readOnly));
      assert.deepEqual([contentOf(checkpoints), checkpoints.unwritten()], [before, readOnly]);
    });

  it("remembers heartbeats and a rollback, and says that they are not written", async () => {
    const { disk, checkpoints } = await onBrokenDisk();
    assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 7, vmId: "vm-1" }, never), fail(readOnly));
    assert.deepEqual(await checkpoints.putRollback(3, never), fail(readOnly));
    assert.deepEqual([checkpoints.heartbeat(), checkpoints.rollbackIncarnation()], [7, 3]);
    disk.fault = undefined;
    assert.deepEqual(await checkpoints.remove("pvc-1", never), ok(undefined));
    assert.deepEqual([disk.content?.heartbeat, disk.content?.rollbackIncarnation], [7, 3]);
  });

  it("keeps the later heartbeat where an earlier one is written behind it", async () => {
    const { disk, checkpoints } = await onBrokenDisk();
    disk.fault = undefined;
    const later = checkpoints.putHeartbeat({ heartbeat: 7, vmId: "vm-1" }, never);
    // A try of the disk knows no other number than this one.
    const earlier = checkpoints.putHeartbeat({ heartbeat: checkpoints.heartbeat(), vmId: "vm-1" }, never);
    assert.deepEqual([await later, await earlier], [ok(undefined), ok(undefined)]);
    assert.deepEqual([checkpoints.heartbeat(), disk.content?.heartbeat], [7, 7]);
  });

  it("has to write again what it has removed, before it counts", async () => {
    const { checkpoints } = await onBrokenDisk();
    assert.deepEqual(await put(restored)(checkpoints), ok(undefined));
    assert.deepEqual(await put(tuned())(checkpoints), fail(readOnly));
    assert.deepEqual(await checkpoints.remove("pvc-1", never), ok(undefined));
    assert.deepEqual(await put(tuned({ targetPaths: [] }))(checkpoints), fail(readOnly));
    assert.deepEqual(checkpoints.volumes(), []);
  });

  it("removes nothing for a call that was cancelled", async () => {
    const { checkpoints } = await onBrokenDisk();
    const removed = await checkpoints.remove("pvc-1", AbortSignal.abort());
    assert.deepEqual([removed, checkpoints.volumes()], [fail({ kind: "Cancelled" }), [tuned()]]);
    assert.equal(checkpoints.unwritten(), undefined);
  });

  it("counts as written where only what adds lacks the room that it has to leave", async () => {
    const { disk, checkpoints } = await onBrokenDisk();
    disk.fault = full;
    assert.deepEqual(await put(tuned({ volumeName: "pvc-2" }))(checkpoints), fail(full));
    assert.equal(checkpoints.unwritten(), undefined);
    assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 2, vmId: "vm-1" }, never), fail(full));
    assert.deepEqual(checkpoints.unwritten(), full);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../core/failure/failure.ts";
import { ok } from "../../core/failure/result.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import type { Volume } from "../gen/csi/v1/csi.ts";
import { volumeMessage } from "../messages/volume-message.ts";
import { aCall } from "../testing/a-call.ts";
import type { ControllerWorld } from "../testing/a-controller.ts";
import { withController } from "../testing/a-controller.ts";
import { aDetail, aDiskUri } from "../testing/objects.ts";
import { aBlockCapability, aCreateVolumeRequest } from "../testing/requests.ts";
import { createVolume } from "./create-volume.ts";
import { markDeleted } from "./mark-deleted.ts";

type Request = Parameters<typeof createVolume>[1];
type Answer = Awaited<ReturnType<typeof createVolume>>;

function create(
  world: ControllerWorld,
  request: Partial<Request> = {},
  deadlineMs = Number.POSITIVE_INFINITY,
): Promise<Answer> {
  return createVolume(world.context, aCreateVolumeRequest(request), aCall({ deadlineMs }));
}

/** A CreateVolume whose object exists already. */
async function begun(world: ControllerWorld, request: Partial<Request> = {}): Promise<Promise<Answer>[]> {
  const answer = create(world, request);
  await world.until(() => world.volume("pvc-1") !== undefined);
  return [answer];
}

async function created(world: ControllerWorld, request: Partial<Request> = {}): Promise<void> {
  const [answer] = await begun(world, request);
  await world.diskCreated("pvc-1");
  assert.ok(answer !== undefined && (await world.answerOf(answer)).ok);
}

function messageOf(world: ControllerWorld): Volume {
  return volumeMessage(world.volume("pvc-1")?.spec ?? assert.fail("no volume"), aDetail());
}

const rejected: Failure = {
  kind: "CloudRejected",
  code: "SkuNotAvailable",
  message: "not in this zone",
  requestId: "r-1",
};

describe("createVolume", () => {
  it("creates an object with the disk's name and a finalizer, and waits for the disk", async () => {
    await withController(async (world) => {
      const parameters = {
        skuName: "Premium_LRS",
        "csi.storage.k8s.io/pvc/name": "data",
        "csi.storage.k8s.io/pvc/namespace": "default",
      };
      const [answer] = await begun(world, { parameters });
      assert.ok(answer !== undefined);
      const { metadata, spec, status } = world.volume("pvc-1") ?? assert.fail("no volume");
      assert.deepEqual(metadata.finalizers, ["disk.csi.azure.com/azvolume"]);
      assert.deepEqual(metadata.labels, {
        "disk.csi.azure.com/pvc": "data",
        "disk.csi.azure.com/pvc-namespace": "default",
      });
      assert.deepEqual(
        [spec.volumeName, spec.disk.sizeGiB, spec.volumeContext, status],
        ["pvc-1", 10, { ...parameters, requestedsizegib: "10" }, undefined],
      );
      assert.deepEqual(world.steps, ["create-object"]);
      await world.diskCreated("pvc-1");
      assert.deepEqual(await world.answerOf(answer), ok({ volume: messageOf(world) }));
    });
  });

  it("answers the same volume to a repeated call, whatever happened in between", async () => {
    await withController(async (world) => {
      await created(world);
      assert.deepEqual(await world.answerOf(create(world)), ok({ volume: messageOf(world) }));
    });
  });

  it("places a disk without a required topology where the nodes are", async () => {
    await withController(async (world) => {
      await world.givenNode("node-a");
      await world.until(() => world.context.cache.list("AzDriverNode").length > 0);
      await created(world);
      const { disk } = world.volume("pvc-1")?.spec ?? {};
      assert.deepEqual([disk?.location, disk?.zone], ["eastus", "1"]);
    });
  });

  it("finds the work of a call whose caller gave up", async () => {
    await withController(async (world) => {
      const deadlineMs = world.clock.elapsedMs() + 10_000;
      assert.deepEqual(await world.answerOf(create(world, {}, deadlineMs)), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: "pvc-1", what: "its disk to be created" },
      });
      assert.ok(world.clock.elapsedMs() < deadlineMs, "the answer came too late for its caller");
      const again = create(world);
      await world.diskCreated("pvc-1");
      assert.deepEqual(await world.answerOf(again), ok({ volume: messageOf(world) }));
    });
  });

  it("answers the error of the last try when it can't wait longer", async () => {
    await withController(async (world) => {
      const [answer] = await begun(world);
      await world.failed("pvc-1", "Creating", { kind: "Throttled", retryAfterMs: 1000, detail: "writes" });
      assert.ok(answer !== undefined);
      const answered = await world.answerOf(answer);
      assert.match(
        !answered.ok && answered.failure.kind === "StillWaiting" ? answered.failure.what : "",
        /last try: Azure throttles requests \(writes\)/u,
      );
    });
  });

  it("ends with the caller's cancellation and leaves the work", async () => {
    await withController(async (world) => {
      const cancel = new AbortController();
      const answer = createVolume(world.context, aCreateVolumeRequest(), aCall({ signal: cancel.signal }));
      await world.until(() => world.volume("pvc-1") !== undefined);
      cancel.abort(new Error("gone"));
      await assert.rejects(world.answerOf(answer), /gone/u);
      assert.ok(world.volume("pvc-1") !== undefined);
    });
  });

  it("creates nothing for a call whose cancellation arrives right after it", async () => {
    await withController(async (world) => {
      const cancel = new AbortController();
      const answer = createVolume(world.context, aCreateVolumeRequest(), aCall({ signal: cancel.signal }));
      await Promise.resolve();
      cancel.abort(new Error("gone"));
      await assert.rejects(world.answerOf(answer), /gone/u);
      assert.deepEqual([world.volume("pvc-1"), world.steps], [undefined, []]);
    });
  });

  it("creates nothing if the process was paused until past the caller's deadline", async () => {
    await withController(async (world) => {
      const { clock } = world;
      const standingStill = {
        ...clock,
        sleep: (ms: number, signal: AbortSignal) => clock.sleep(60_000 + ms, signal),
      };
      const call = aCall({ deadlineMs: clock.elapsedMs() + 60_000 });
      const answer = await world.answerOf(
        createVolume({ ...world.context, clock: standingStill }, aCreateVolumeRequest(), call),
      );
      assert.deepEqual(answer, {
        ok: false,
        failure: { kind: "DeadlineExceeded", operation: "CreateVolume" },
      });
      assert.deepEqual([world.volume("pvc-1"), world.steps], [undefined, []]);
    });
  });

  it("refuses a second call for the volume while the first waits", async () => {
    await withController(async (world) => {
      const [first] = await begun(world);
      const second = await world.answerOf(create(world));
      assert.deepEqual(!second.ok && second.failure.kind, "OperationInProgress");
      await world.diskCreated("pvc-1");
      assert.ok(first !== undefined && (await world.answerOf(first)).ok);
    });
  });

  for (const [change, difference] of [
    [{ capacityRange: { requiredBytes: gibToBytes(20), limitBytes: 0n } }, /10 GiB/u],
    [{ parameters: { skuName: "Premium_ZRS" } }, /skuName/u],
    [{ volumeCapabilities: [aBlockCapability()] }, /block/u],
  ] as const) {
    it(`refuses another request under the same name: ${difference.source}`, async () => {
      await withController(async (world) => {
        await created(world);
        const answer = await world.answerOf(create(world, change));
        assert.match(
          !answer.ok && answer.failure.kind === "VolumeExistsWithOtherRequest"
            ? answer.failure.difference
            : "",
          difference,
        );
      });
    });
  }

  it("changes nothing for a request that can't be served", async () => {
    await withController(async (world) => {
      const answer = await world.answerOf(
        create(world, { parameters: { maxShares: "3", maxMountReplicaCount: "3", skuName: "Premium_LRS" } }),
      );
      assert.equal(!answer.ok && answer.failure.kind, "InvalidArgument");
      assert.deepEqual([world.volume("pvc-1"), world.steps], [undefined, []]);
    });
  });

  it("answers a final failure and deletes the object, for the next call to start over", async () => {
    await withController(async (world) => {
      const [answer] = await begun(world);
      await world.failed("pvc-1", "CreationFailed", rejected);
      await world.until(() => world.volume("pvc-1")?.metadata.deletionTimestamp !== undefined);
      assert.equal(world.volume("pvc-1")?.spec.deleteRequested, true);
      await world.letGo("pvc-1");
      assert.deepEqual(await world.answerOf(answer ?? assert.fail()), { ok: false, failure: rejected });
      await created(world);
    });
  });

  it("answers the kept disk of a volume whose AzVolume a person deleted", async () => {
    await withController(async (world) => {
      await created(world);
      await world.answerOf(world.store.delete("AzVolume", "pvc-1", {}, new AbortController().signal));
      assert.ok((await world.answerOf(create(world))).ok);
    });
  });

  it("answers that the volume is being deleted", async () => {
    await withController(async (world) => {
      await created(world);
      const marked = await markDeleted(
        world.context,
        world.volume("pvc-1") ?? assert.fail(),
        () => undefined,
        new AbortController().signal,
      );
      assert.ok(marked.ok);
      const answer = await world.answerOf(create(world));
      assert.deepEqual(!answer.ok && answer.failure, {
        kind: "OperationInProgress",
        volumeId: "pvc-1",
        operation: "DeleteVolume",
      });
    });
  });

  it("keeps the disk's identity apart from the request's spelling", async () => {
    await withController(async (world) => {
      await created(world);
      const answer = await world.answerOf(create(world, { name: "PVC-1" }));
      assert.equal(!answer.ok && answer.failure.kind, "VolumeExistsWithOtherRequest");
      assert.equal(world.volume("pvc-1")?.status?.detail?.diskUri, aDiskUri());
    });
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ReconcileWorld, withControllerPorts } from "../controller/testing/a-controller.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { fail, ok } from "../core/failure/result.ts";
import { toTimestamp } from "../core/primitives/timestamp.ts";
import { anAttachment, aReplica, aVolume, diskUri, leaving } from "../core/testing/objects.ts";
import { withdrawRequest, requestWriter } from "./writer-request.ts";

const never = new AbortController().signal;
const publish = {
  volume: aVolume(),
  nodeName: "node-a",
  readOnly: false,
  volumeContext: { from: "publish" },
};
const unpublish = { volumeId: diskUri, nodeName: "node-a", keepsPrimary: false, isShared: false };

async function withAttachment(
  attachment: AzVolumeAttachment | undefined,
  act: (world: ReconcileWorld) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (world) => {
    if (attachment !== undefined) await world.given("AzVolumeAttachment", attachment);
    await act(world);
  });
}

const specOf = (world: ReconcileWorld): AzVolumeAttachment["spec"] | undefined =>
  world.attachment("node-a")?.spec;

describe("requestWriter", () => {
  it("creates the attachment as the primary, with a new request and a finalizer", () =>
    withAttachment(undefined, async (world) => {
      const since = toTimestamp(world.clock.nowMs());
      assert.equal((await requestWriter(world.ports, publish, never)).ok, true);
      assert.deepEqual(specOf(world), {
        volumeName: "pvc-1",
        volumeId: diskUri,
        nodeName: "node-a",
        role: "Primary",
        writerRequest: { since },
        readOnly: false,
        volumeContext: { from: "publish" },
      });
      assert.deepEqual(world.attachment("node-a")?.metadata.finalizers, [
        "disk.csi.azure.com/azvolumeattachment",
      ]);
    }));

  it("believes its caller about what is there only until the store says otherwise", async () => {
    const missing = fail({ kind: "ObjectNotFound", objectKind: "AzVolumeAttachment", name: "" } as const);
    for (const present of [undefined, aReplica("node-a")])
      await withAttachment(present, async (world) => {
        const stated = await requestWriter(world.ports, { ...publish, attachmentRead: missing }, never);
        assert.deepEqual([stated.ok, specOf(world)?.role], [true, "Primary"]);
      });
    await withAttachment(aReplica("node-a"), async (world) => {
      const before = world.attachment("node-a");
      assert.ok(before !== undefined);
      await requestWriter(world.ports, publish, never);
      const stated = await requestWriter(world.ports, { ...publish, attachmentRead: ok(before) }, never);
      assert.deepEqual(stated, { ok: true, value: world.attachment("node-a") });
    });
  });

  it("records that a CSI client has published it, until the request ends for good", () =>
    withAttachment(undefined, async (world) => {
      await requestWriter(world.ports, { ...publish, published: true }, never);
      await requestWriter(world.ports, publish, never);
      await withdrawRequest(
        world.ports,
        { volumeId: diskUri, nodeName: "node-a", keepsPrimary: true, isShared: false },
        never,
      );
      assert.equal(specOf(world)?.published, true, "still published there");
      await withdrawRequest(
        world.ports,
        { volumeId: diskUri, nodeName: "node-a", keepsPrimary: false, isShared: false },
        never,
      );
      assert.equal(specOf(world)?.published, undefined);
    }));

  it("promotes a replica in place", () =>
    withAttachment(aReplica("node-a"), async (world) => {
      await requestWriter(world.ports, publish, never);
      assert.deepEqual(specOf(world), {
        ...aReplica("node-a").spec,
        role: "Primary",
        writerRequest: { since: toTimestamp(world.clock.nowMs()) },
      });
    }));

  it("creates no attachment where one exists: each creation is a waiting pod's", () =>
    withAttachment(aReplica("node-a"), async (world) => {
      const asked: string[] = [];
      const { store } = world.ports;
      const counted: typeof store = {
        ...store,
        get: (kind, name, signal) => (asked.push("get"), store.get(kind, name, signal)),
        create: (kind, object, signal) => (asked.push("create"), store.create(kind, object, signal)),
        update: (kind, object, signal) => (asked.push("update"), store.update(kind, object, signal)),
      };
      await requestWriter({ ...world.ports, store: counted }, publish, never);
      assert.deepEqual(asked, ["get", "update"]);
    }));

  it("keeps the age of a standing request, and writes nothing", () =>
    withAttachment(anAttachment("node-a"), async (world) => {
      const commits = world.commits.length;
      assert.equal((await requestWriter(world.ports, publish, never)).ok, true);
      assert.deepEqual(specOf(world), anAttachment("node-a").spec);
      assert.equal(world.commits.length, commits);
    }));

  it("keeps a read-only publication where the caller does not state the mode", () =>
    withAttachment(anAttachment("node-a", { spec: { readOnly: true } }), async (world) => {
      await withdrawRequest(world.ports, { ...unpublish, keepsPrimary: true }, never);
      await requestWriter(world.ports, { volume: aVolume(), nodeName: "node-a", volumeContext: {} }, never);
      assert.deepEqual([specOf(world)?.readOnly, specOf(world)?.writerRequest !== undefined], [true, true]);
    }));

  it("waits for an attachment that is being deleted, and for the disk", () =>
    withAttachment(leaving(aReplica("node-a")), async (world) => {
      const left = await requestWriter(world.ports, publish, never);
      assert.deepEqual(left, {
        ok: false,
        failure: { kind: "OperationInProgress", volumeId: diskUri, operation: "detach from node-a" },
      });
      const volume = {
        ...aVolume(),
        status: { state: "Creating", observedGeneration: 1, conditions: [] },
      } as const;
      const early = await requestWriter(world.ports, { ...publish, volume }, never);
      assert.equal(!early.ok && early.failure.kind, "StillWaiting");
    }));
});

describe("withdrawRequest", () => {
  it("makes the attachment a replica", () =>
    withAttachment(anAttachment("node-a"), async (world) => {
      const withdrawn = await withdrawRequest(world.ports, unpublish, never);
      assert.deepEqual(withdrawn, { ok: true, value: world.attachment("node-a") });
      assert.deepEqual(specOf(world), aReplica("node-a").spec);
    }));

  it("leaves to controllers what they alone may write, where its node withdraws it", () =>
    withAttachment(anAttachment("node-a", { spec: { published: true } }), async (world) => {
      await withdrawRequest(world.ports, { ...unpublish, isOwn: true }, never);
      assert.deepEqual(specOf(world), { ...aReplica("node-a").spec, published: true });
    }));

  it("marks a volume as staged that its node has not unstaged, until it has", async () => {
    await withAttachment(anAttachment("node-a"), async (world) => {
      await withdrawRequest(world.ports, { ...unpublish, isShared: true }, never);
      assert.deepEqual(specOf(world), { ...aReplica("node-a").spec, staged: true });
      await withdrawRequest(world.ports, { ...unpublish, isShared: true }, never);
      assert.equal(specOf(world)?.staged, true, "repeated");
      await withdrawRequest(world.ports, { ...unpublish, isOwn: true }, never);
      assert.deepEqual(specOf(world), aReplica("node-a").spec);
    });
    await withAttachment(anAttachment("node-a", { spec: { writerRequest: undefined } }), async (world) => {
      await withdrawRequest(world.ports, { ...unpublish, isShared: true }, never);
      assert.deepEqual(specOf(world), aReplica("node-a").spec, "its node has withdrawn the request");
    });
  });

  it("marks it also where it stays published, as a leaked request's", () =>
    withAttachment(anAttachment("node-a"), async (world) => {
      await withdrawRequest(world.ports, { ...unpublish, keepsPrimary: true, isShared: true }, never);
      assert.deepEqual([specOf(world)?.role, specOf(world)?.staged], ["Primary", true]);
    }));

  it("leaves it the primary where it is still published there", () =>
    withAttachment(anAttachment("node-a"), async (world) => {
      await withdrawRequest(world.ports, { ...unpublish, keepsPrimary: true }, never);
      const { writerRequest: _, ...spec } = anAttachment("node-a").spec;
      assert.deepEqual(specOf(world), spec);
    }));

  it("changes nothing about a replica, and succeeds without a request", async () => {
    await withAttachment(aReplica("node-a"), async (world) => {
      const before = world.attachment("node-a");
      await withdrawRequest(world.ports, unpublish, never);
      assert.deepEqual(world.attachment("node-a"), before);
    });
    await withAttachment(undefined, async (world) =>
      assert.deepEqual(await withdrawRequest(world.ports, unpublish, never), { ok: true, value: undefined }),
    );
  });
});

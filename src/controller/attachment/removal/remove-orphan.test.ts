import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PLACED_BY_LABEL } from "../../../core/api/attachment-labels.ts";
import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import { attachmentObjectName } from "../../../core/api/object-names.ts";
import { fail } from "../../../core/failure/result.ts";
import type { VolumeUse } from "../../../core/schedule/volume-use.ts";
import { anAttachment, attachmentName, aVolume, diskUri, identity } from "../../../core/testing/objects.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import { aCluster } from "../../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDriverNode } from "../../testing/a-driver-node.ts";
import { attachmentReconciler } from "../attachment-reconciler.ts";

const never = new AbortController().signal;
const GONE = "never-was";
const otherDisk = diskUri.replace("pvc-1", "backup");
const placed = { [PLACED_BY_LABEL]: "controller" };

/** The attachment that node-a has made of that disk for a volume that does not exist. */
function anOrphan(
  volumeId: string,
  parts: Partial<Pick<AzVolumeAttachment, "status">> = { status: undefined },
): AzVolumeAttachment {
  const metadata = {
    name: attachmentObjectName({ diskUri: volumeId, nodeName: "node-a" }),
    finalizers: [ATTACHMENT_FINALIZER],
  };
  return anAttachment("node-a", { metadata, spec: { volumeName: GONE, volumeId }, ...parts });
}

/** Reconciles it, with `attach: driver` by default. Returns whether it is gone. */
async function goes(
  world: ReconcileWorld,
  attachment: AzVolumeAttachment,
  {
    use = { kind: "unused" },
    attach = "driver",
  }: { readonly use?: VolumeUse | undefined; readonly attach?: "kubernetes" | "driver" | undefined } = {},
): Promise<boolean> {
  const ports = {
    ...world.ports,
    attach,
    clusterVolumes: aCluster([]),
    users: { ...world.ports.users, cachedOn: () => use },
  };
  const { name } = attachment.metadata;
  assert.equal((await world.answerOf(attachmentReconciler(ports).reconcile(name, never))).ok, true);
  const left = await world.answerOf(world.other.get("AzVolumeAttachment", name, never));
  return !left.ok && left.failure.kind === "ObjectNotFound";
}

describe("an attachment of a volume that does not exist", () => {
  const rows: readonly {
    readonly because: string;
    readonly status?: AzVolumeAttachment["status"];
    readonly labels?: Readonly<Record<string, string>>;
    readonly use?: VolumeUse;
    readonly attach?: "kubernetes" | "driver";
    readonly isGone: boolean;
  }[] = [
    { because: "only its node stands behind it", isGone: true },
    { because: "a pod uses the disk there", use: { kind: "used", users: ["a"] }, isGone: false },
    { because: "pods are not known yet", use: { kind: "unknown" }, isGone: false },
    { because: "only controllers make attachments", attach: "kubernetes", isGone: false },
    { because: "a controller placed it", labels: placed, isGone: false },
    {
      because: "an attach was begun for it",
      status: { state: "Attaching", ...identity("node-a") },
      isGone: false,
    },
  ];
  for (const { because, status, labels, use, attach, isGone } of rows)
    it(`${isGone ? "goes" : "stays while its disk is there"}, where ${because}`, () =>
      withControllerPorts(async (world) => {
        const orphan = anOrphan(otherDisk, { status });
        world.disks.add(otherDisk);
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolumeAttachment", orphan);
        if (labels !== undefined) await label(world, orphan.metadata.name, labels);
        assert.equal(await goes(world, orphan, { use, attach }), isGone);
        assert.deepEqual([...world.attachedTo], []);
      }));

  it("is looked up ever more seldom while its disk is there", () =>
    withControllerPorts(async (world) => {
      const orphan = anOrphan(otherDisk, { status: { state: "Attaching", ...identity("node-a") } });
      world.disks.add(otherDisk);
      await world.given("AzVolumeAttachment", orphan);
      const waitsMs: number[] = [];
      for (let look = 0; look < 8; look += 1) {
        const looked = await world.answerOf(
          attachmentReconciler(world.ports).reconcile(orphan.metadata.name, never),
        );
        const { requeueAfterMs = 0 } = looked.ok ? looked.value : {};
        waitsMs.push(Math.round(requeueAfterMs / 30_000) * 30_000);
        await world.clock.advance(requeueAfterMs);
      }
      assert.deepEqual(
        waitsMs.map((ms) => ms / 1_000),
        [30, 30, 60, 120, 240, 480, 600, 600],
      );
    }));

  it("goes once a second, however often its node creates it", () =>
    withControllerPorts(async (world) => {
      const orphan = anOrphan(otherDisk);
      const { name } = orphan.metadata;
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const reconciler = attachmentReconciler({
        ...world.ports,
        attach: "driver",
        clusterVolumes: aCluster([]),
        users: { ...world.ports.users, cachedOn: () => ({ kind: "unused" }) },
      });
      const reconcile = async (): Promise<Reconciled> => world.answerOf(reconciler.reconcile(name, never));
      const isThere = async (): Promise<boolean> =>
        (await world.answerOf(world.other.get("AzVolumeAttachment", name, never))).ok;
      await world.given("AzVolumeAttachment", orphan);
      assert.deepEqual([await reconcile(), await isThere()], [{ ok: true, value: {} }, false]);
      await world.given("AzVolumeAttachment", orphan);
      const early = await reconcile();
      const waitMs = early.ok ? (early.value.requeueAfterMs ?? 0) : 0;
      assert.ok(waitMs > 0 && waitMs <= 1_000, `${waitMs} ms`);
      assert.equal(await isThere(), true);
      await world.clock.advance(waitMs);
      assert.deepEqual([await reconcile(), await isThere()], [{ ok: true, value: {} }, false]);
    }));

  it("is replaced by the attachment of the volume that has its disk, with an event", () =>
    withControllerPorts(async (world) => {
      const orphan = anOrphan(diskUri);
      await world.given("AzVolume", aVolume());
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolumeAttachment", orphan);
      assert.equal(await goes(world, orphan, { use: { kind: "used", users: ["a"] } }), true);
      const because = `there is no AzVolume ${GONE}, and its disk is that of AzVolume pvc-1`;
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => [reason, message]),
        [
          [
            "AttachmentIgnored",
            `AzVolumeAttachment ${orphan.metadata.name} of node node-a is ignored: ${because}`,
          ],
        ],
      );
    }));

  it("stays where a read does not find its disk, and Azure lists it", () =>
    withControllerPorts(async (world) => {
      const orphan = anOrphan(otherDisk, { status: { state: "Attaching", ...identity("node-a") } });
      world.disks.add(otherDisk);
      await world.given("AzVolumeAttachment", orphan);
      const getDisk: typeof world.ports.cloud.getDisk = async () =>
        fail({ kind: "DiskNotFound", diskUri: otherDisk });
      const { name } = orphan.metadata;
      const reconcile = async (): Promise<Reconciled> =>
        world.answerOf(
          attachmentReconciler({ ...world.ports, cloud: { ...world.ports.cloud, getDisk } }).reconcile(
            name,
            never,
          ),
        );
      const failure = { kind: "CloudUnavailable", code: "DiskNotShown" };
      assert.partialDeepStrictEqual(await reconcile(), { ok: false, failure });
      const left = await world.answerOf(world.other.get("AzVolumeAttachment", name, never));
      assert.equal(left.ok && left.value.metadata.deletionTimestamp, undefined);
      world.disks.delete(otherDisk);
      assert.equal((await reconcile()).ok, true);
      const gone = await world.answerOf(world.other.get("AzVolumeAttachment", name, never));
      assert.equal(!gone.ok || gone.value.metadata.deletionTimestamp !== undefined, true);
    }));

  it("stays where its own AzVolume was rebuilt since that was read", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      const cache = { ...world.ports.cache, get: withoutVolumes(world.ports.cache.get) };
      let reads = 0;
      const store: typeof world.ports.store = {
        ...world.ports.store,
        get: (kind, name, signal) =>
          kind === "AzVolume" && ++reads === 1
            ? Promise.resolve(fail({ kind: "ObjectNotFound", objectKind: kind, name }))
            : world.ports.store.get(kind, name, signal),
      };
      const answer = await world.answerOf(
        attachmentReconciler({ ...world.ports, cache, store }).reconcile(attachmentName("node-a"), never),
      );
      assert.deepEqual(answer, { ok: true, value: { requeueAfterMs: 30_000 } });
      assert.equal(world.attachment("node-a")?.metadata.deletionTimestamp, undefined);
    }));

  it("stays where only the cache has no such volume", () =>
    withControllerPorts(async (world) => {
      const orphan = anAttachment("node-a", { status: undefined });
      await world.given("AzVolumeAttachment", orphan);
      const { metadata, spec } = aVolume();
      assert.equal(
        (
          await world.answerOf(
            world.other.create("AzVolume", { metadata: { name: metadata.name }, spec }, never),
          )
        ).ok,
        true,
      );
      const cache = { ...world.ports.cache, get: withoutVolumes(world.ports.cache.get) };
      assert.equal(await goes({ ...world, ports: { ...world.ports, cache } }, orphan), false);
    }));
});

async function label(
  world: ReconcileWorld,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const present = await world.answerOf(world.other.get("AzVolumeAttachment", name, never));
  assert.ok(present.ok);
  await world.answerOf(
    world.other.update(
      "AzVolumeAttachment",
      { ...present.value, metadata: { ...present.value.metadata, labels } },
      never,
    ),
  );
  await world.clock.advance(1_000);
}

function withoutVolumes(
  get: ReconcileWorld["ports"]["cache"]["get"],
): ReconcileWorld["ports"]["cache"]["get"] {
  return (kind, name) => (kind === "AzVolume" ? undefined : get(kind, name));
}

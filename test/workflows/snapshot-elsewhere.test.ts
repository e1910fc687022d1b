import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { it } from "node:test";
import { createVolume, deleteVolume, type DemoVolume, targetPath } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { checksumsHold, startWriter, writeFiles } from "../../demo/workload.ts";
import type { Snapshot } from "../../src/csi/gen/csi/v1/csi.ts";
import { failsWith } from "./csi-failure.ts";
import { addResourceGroup } from "./emulator-admin.ts";
import { createRequest } from "./requests.ts";
import { bringUp, takeDown, untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = ["node-a", "node-b"].map((name) => ({ name, zone: "1" }));
const OTHER_SUBSCRIPTION = "00000000-0000-4000-8000-0000000000b0";
const GROUP = "backups";
const READY_MAX_MS = 120_000;
const STOP_GRACE_MS = 60_000;

/** A VolumeSnapshotClass for snapshots that outlive the cluster's subscription. */
const ELSEWHERE = { incremental: "false", subscriptionID: OTHER_SUBSCRIPTION, resourceGroup: GROUP };

async function takeSnapshot(
  { lab }: LabWorld,
  { name, volumeId }: DemoVolume,
  parameters: Record<string, string> = ELSEWHERE,
): Promise<Snapshot | undefined> {
  const { snapshot } = await lab.controller.createSnapshot({
    name: `${name}-backup`,
    sourceVolumeId: volumeId,
    parameters,
    secrets: {},
    accessibilityRequirements: undefined,
  });
  return snapshot;
}

function readySnapshot(world: LabWorld, volume: DemoVolume): Promise<Snapshot> {
  return waitUntil("the snapshot to be ready", READY_MAX_MS, async () => {
    const snapshot = await untilServed(() => takeSnapshot(world, volume));
    return snapshot?.readyToUse === true ? snapshot : undefined;
  });
}

async function listedOf(
  { lab }: LabWorld,
  filter: { readonly sourceVolumeId: string; readonly snapshotId: string },
): Promise<readonly (Snapshot | undefined)[]> {
  const request = { maxEntries: 0, startingToken: "", secrets: {}, ...filter };
  const { entries } = await lab.controller.listSnapshots(request);
  return entries.map(({ snapshot }) => snapshot);
}

function listed(world: LabWorld, snapshotId: string): Promise<readonly (Snapshot | undefined)[]> {
  return listedOf(world, { sourceVolumeId: "", snapshotId });
}

function deleteSnapshot({ lab }: LabWorld, snapshotId: string): Promise<unknown> {
  return untilServed(() => lab.controller.deleteSnapshot({ snapshotId, secrets: {} }));
}

const sourceOf = (snapshotId: string) => ({ type: { $case: "snapshot", value: { snapshotId } } }) as const;

it("a snapshot in another subscription", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab, node } = world;
    const [a, b] = [node("node-a"), node("node-b")];
    const parameters = { skuName: "Premium_LRS" };
    const volume = await createVolume(lab, { name: "kept", sizeGiB: 1n, parameters, zones: ["eastus-1"] });
    await bringUp(lab, volume, a);
    const checksums = await writeFiles(a, volume);

    await t.test("is refused where it can't be, and nothing is made", async () => {
      await failsWith(
        takeSnapshot(world, volume, { ...ELSEWHERE, incremental: "true" }),
        "INVALID_ARGUMENT",
        "subscriptionID",
        OTHER_SUBSCRIPTION,
        "incremental",
      );
      await failsWith(takeSnapshot(world, volume), "INTERNAL", "SubscriptionNotFound", OTHER_SUBSCRIPTION);
      assert.deepEqual(await lab.emulator.snapshots(), []);
    });

    await addResourceGroup(lab, { subscriptionId: OTHER_SUBSCRIPTION, name: GROUP, location: "eastus" });
    const snapshot = await readySnapshot(world, volume);
    const { snapshotId } = snapshot;
    await t.test("is there, once, and is found by its id", async () => {
      assert.ok(
        snapshotId.startsWith(
          `/subscriptions/${OTHER_SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.Compute/snapshots/`,
        ),
        snapshotId,
      );
      assert.equal(snapshot.sourceVolumeId, volume.volumeId);
      assert.deepEqual(await readySnapshot(world, volume), snapshot, "a repeated call");
      assert.deepEqual(await lab.emulator.snapshots(), [snapshotId]);
      assert.deepEqual(await listed(world, snapshotId), [snapshot]);
      assert.deepEqual(await listed(world, snapshotId.replace(GROUP, "elsewhere")), []);
    });

    await t.test("in another group of the disk's subscription: is listed by its volume", async () => {
      const [, , subscriptionId = ""] = volume.volumeId.split("/");
      await addResourceGroup(lab, { subscriptionId, name: GROUP, location: "eastus" });
      const beside = await waitUntil("the snapshot to be ready", READY_MAX_MS, async () => {
        const made = await untilServed(() => takeSnapshot(world, volume, { resourceGroup: GROUP }));
        return made?.readyToUse === true ? made : undefined;
      });
      const seen = await waitUntil("the snapshot to be listed", READY_MAX_MS, async () => {
        const found = await listedOf(world, { sourceVolumeId: volume.volumeId, snapshotId: "" });
        return found.length > 0 ? found : undefined;
      });
      assert.deepEqual(seen, [beside]);
      await deleteSnapshot(world, beside.snapshotId);
    });

    const writer = await startWriter(lab, a, volume, 1);
    await t.test("is restored with what was synced before it, and only that", async () => {
      const request = { name: "restored", sizeGiB: 2n, parameters, zones: ["eastus-1"] };
      const restored = await createVolume(lab, { ...request, source: sourceOf(snapshotId) });
      await bringUp(lab, restored, b);
      assert.ok(await checksumsHold(b, restored, checksums));
      await assert.rejects(stat(b.seenFromOutside(`${targetPath(b, restored)}/log`)), { code: "ENOENT" });
      await takeDown(lab, restored, b);
      await untilServed(() => deleteVolume(lab, restored));
    });

    await t.test("outlives its volume, and can still be restored", async () => {
      await writer.process.stop(STOP_GRACE_MS);
      await takeDown(lab, volume, a);
      await untilServed(() => deleteVolume(lab, volume));
      assert.deepEqual(await listed(world, snapshotId), [snapshot]);
      const request = { name: "restored-late", sizeGiB: 1n, parameters, zones: ["eastus-1"] };
      const restored = await createVolume(lab, { ...request, source: sourceOf(snapshotId) });
      await bringUp(lab, restored, b);
      assert.ok(await checksumsHold(b, restored, checksums));
      await takeDown(lab, restored, b);
      await untilServed(() => deleteVolume(lab, restored));
    });

    await t.test("is deleted by its id, also twice, and then restored no more", async () => {
      await deleteSnapshot(world, snapshotId);
      await deleteSnapshot(world, snapshotId);
      assert.deepEqual(await lab.emulator.snapshots(), []);
      assert.deepEqual(await listed(world, snapshotId), []);
      const request = createRequest({ name: "too-late", volumeContentSource: sourceOf(snapshotId) });
      await failsWith(lab.controller.createVolume(request), "NOT_FOUND", snapshotId);
    });
  });
});

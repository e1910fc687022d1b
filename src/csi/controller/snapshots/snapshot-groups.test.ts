import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDisk } from "../../../controller/testing/a-disk.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { aCall } from "../../testing/a-call.ts";
import { type ControllerWorld, withController } from "../../testing/a-controller.ts";
import { aSnapshotUri } from "../../testing/fake-snapshots.ts";
import { aDiskUri, aVolumeObject } from "../../testing/objects.ts";
import { createSnapshot } from "./create-snapshot.ts";
import { listSnapshots } from "./list-snapshots.ts";

const NAME = "pvc-1";
const elsewhere = aSnapshotUri("backup").replace("/rg-1/", "/backups/");

/** Asks for a snapshot called `backup`, of a class with these parameters. */
async function snapshot(
  world: ControllerWorld,
  parameters: Record<string, string>,
  changes: Partial<ControllerWorld["context"]> = {},
): Promise<string> {
  const cloud: ControllerWorld["context"]["cloud"] = {
    ...world.context.cloud,
    getDisk: async ({ diskUri }) => ok(aDisk({ diskUri, skuName: "Premium_LRS" })),
  };
  const request = {
    sourceVolumeId: aDiskUri(NAME),
    name: "backup",
    secrets: {},
    parameters,
    accessibilityRequirements: undefined,
  };
  const created = await world.answerOf(
    createSnapshot({ ...world.context, cloud, ...changes }, request, aCall()),
  );
  return created.ok ? (created.value.snapshot?.snapshotId ?? "") : created.failure.kind;
}

async function listed(world: ControllerWorld, sourceVolumeId: string): Promise<readonly string[]> {
  const request = { maxEntries: 0, startingToken: "", snapshotId: "", secrets: {}, sourceVolumeId };
  const answer = await world.answerOf(listSnapshots(world.context, request, aCall()));
  assert.ok(answer.ok);
  return answer.value.entries.map((entry) => entry.snapshot?.snapshotId ?? "");
}

const groupsOf = (world: ControllerWorld): unknown => world.volume(NAME)?.spec.snapshotGroups;

describe("a snapshot in a resource group that only its class names", () => {
  it("is listed by its volume, and without one", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      assert.equal(
        await snapshot(world, { resourceGroup: "Backups" }),
        elsewhere.replace("backups", "Backups"),
      );
      assert.deepEqual(groupsOf(world), ["backups"]);
      await world.until(() => world.context.cache.list("AzVolume")[0]?.spec.snapshotGroups !== undefined);
      for (const sourceVolumeId of [aDiskUri(NAME.toUpperCase()), ""])
        assert.equal((await listed(world, sourceVolumeId)).length, 1, sourceVolumeId);
      assert.deepEqual(await listed(world, aDiskUri("pvc-2")), []);
    }));

  it("is noted once, however often it is asked for, and also if it exists already", () =>
    withController(async (world) => {
      assert.match(await snapshot(world, { resourceGroup: "backups" }), /\/backups\//u);
      await world.given("AzVolume", aVolumeObject());
      for (const _ of [1, 2]) await snapshot(world, { resourceGroup: "backups" });
      assert.deepEqual(groupsOf(world), ["backups"]);
    }));

  it("is not made once more in the group of another class", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      await snapshot(world, { resourceGroup: "backups" });
      await world.until(() => world.context.cache.list("AzVolume")[0]?.spec.snapshotGroups !== undefined);
      assert.equal(await snapshot(world, { resourceGroup: "archive" }), "SnapshotExistsWithOtherRequest");
      assert.equal(await snapshot(world, {}), "SnapshotExistsWithOtherRequest");
    }));

  it("is made where an earlier group is forbidden, but not while Azure is busy", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject({ spec: { snapshotGroups: ["forbidden"] } }));
      const snapshotsFailing = (failure: Failure): ControllerWorld["context"]["snapshots"] => ({
        ...world.context.snapshots,
        getSnapshot: async (request, signal) =>
          request.snapshotUri.includes("/forbidden/")
            ? fail(failure)
            : world.context.snapshots.getSnapshot(request, signal),
      });
      const busy = snapshotsFailing({ kind: "Throttled", retryAfterMs: 1_000, detail: "busy" });
      assert.equal(await snapshot(world, {}, { snapshots: busy }), "Throttled");
      const denied = { kind: "CloudUnauthorized", code: "c", message: "m", requestId: "r-1" } as const;
      const made = await snapshot(world, {}, { snapshots: snapshotsFailing(denied) });
      assert.equal(made, aSnapshotUri("backup"));
    }));

  it("is not made where the note can't be written", () =>
    withController(async (world) => {
      await world.given("AzVolume", aVolumeObject());
      const { store } = world.context;
      const update: typeof store.update = async () => fail({ kind: "StoreUnavailable", detail: "down" });
      const failed = await snapshot(world, { resourceGroup: "backups" }, { store: { ...store, update } });
      assert.deepEqual([failed, await listed(world, "")], ["StoreUnavailable", []]);
    }));

  it("drops the earliest of 32 groups for another one", () =>
    withController(async (world) => {
      const snapshotGroups = Array.from({ length: 32 }, (_, index) => `group-${index}`);
      await world.given("AzVolume", aVolumeObject({ spec: { snapshotGroups } }));
      await snapshot(world, { resourceGroup: "backups" });
      assert.deepEqual(groupsOf(world), [...snapshotGroups.slice(1), "backups"]);
    }));

  for (const [where, parameters] of Object.entries({
    "beside its disk": {},
    "in its disk's group by name": { resourceGroup: "RG-1" },
    "in another subscription": {
      subscriptionID: "00000000-0000-4000-8000-0000000000b0",
      resourceGroup: "backups",
      incremental: "false",
    },
  }))
    it(`is another than one ${where}, which is not noted`, () =>
      withController(async (world) => {
        await world.given("AzVolume", aVolumeObject());
        await snapshot(world, parameters);
        assert.equal(groupsOf(world), undefined);
      }));
});

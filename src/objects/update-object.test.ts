import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ReconcileWorld, withControllerPorts } from "../controller/testing/a-controller.ts";
import type { AzVolume } from "../core/api/az-volume.ts";
import { aVolume } from "../core/testing/objects.ts";
import { changeSpec, changeStatus } from "./update-object.ts";

const never = new AbortController().signal;
const target = { kind: "AzVolume", name: "pvc-1" } as const;

async function withVolume(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolume());
    await act(world);
  });
}

describe("changeSpec and changeStatus", () => {
  it("change the present object, each its own half", () =>
    withVolume(async (world) => {
      await changeSpec(
        world.store,
        target,
        (volume) => ({
          ...volume,
          spec: { ...volume.spec, maxMountReplicaCount: 1 },
          status: aVolume({ status: { state: "Deleting" } }).status,
        }),
        never,
      );
      await changeStatus(
        world.store,
        target,
        (volume) =>
          volume.status === undefined
            ? undefined
            : {
                ...volume,
                spec: { ...volume.spec, maxMountReplicaCount: 0 },
                status: { ...volume.status, state: "Updated" },
              },
        never,
      );
      assert.deepEqual(
        [world.volume()?.spec.maxMountReplicaCount, world.volume()?.status?.state],
        [1, "Updated"],
      );
    }));

  it("change what a cache shows without a read, and read it where that is outdated", () =>
    withVolume(async (world) => {
      const outdated = world.volume();
      let reads = 0;
      const counting = {
        ...world.store,
        get: ((...args) => {
          reads += 1;
          return world.store.get(...args);
        }) as typeof world.store.get,
      };
      const count = (seen: AzVolume | undefined): Promise<unknown> =>
        changeSpec(
          counting,
          { ...target, seen: () => seen },
          ({ metadata, ...volume }) => ({
            ...volume,
            metadata: { ...metadata, labels: { changes: String(changesOf(metadata) + 1) } },
          }),
          never,
        );
      const changesOf = (metadata: AzVolume["metadata"] | undefined): number =>
        Number(metadata?.labels?.["changes"] ?? 0);
      const changesAndReads = (): readonly number[] => [changesOf(world.volume()?.metadata), reads];
      await count(outdated);
      assert.deepEqual(changesAndReads(), [1, 0]);
      await count(outdated);
      assert.deepEqual(changesAndReads(), [2, 1]);
      await count(undefined);
      assert.deepEqual(changesAndReads(), [3, 2]);
    }));

  it("answer that nothing is to be changed only for an object that was read", () =>
    withVolume(async (world) => {
      const outdated = world.volume();
      await changeSpec(
        world.store,
        target,
        (volume) => ({ ...volume, spec: { ...volume.spec, maxMountReplicaCount: 1 } }),
        never,
      );
      const unchanged = await changeSpec(
        world.store,
        { ...target, seen: () => outdated },
        () => undefined,
        never,
      );
      assert.ok(unchanged.ok);
      assert.equal(unchanged.value.spec.maxMountReplicaCount, 1);
    }));

  it("change no object that a cache shows under the name of another", () =>
    withVolume(async (world) => {
      const outdated = world.volume();
      const changed = await changeSpec(
        world.store,
        { ...target, uid: "another", seen: () => outdated },
        (volume) => ({ ...volume, spec: { ...volume.spec, maxMountReplicaCount: 1 } }),
        never,
      );
      assert.deepEqual(changed, {
        ok: false,
        failure: { kind: "ObjectNotFound", objectKind: "AzVolume", name: "pvc-1" },
      });
    }));

  it("change what they find after a conflict, and give up after many", () =>
    withVolume(async (world) => {
      world.store.failNext({ fault: "conflict", verb: "update" });
      assert.equal(
        (
          await changeSpec(
            world.store,
            target,
            (volume) => ({ ...volume, spec: { ...volume.spec, maxMountReplicaCount: 1 } }),
            never,
          )
        ).ok,
        true,
      );
      world.store.setWeather({ conflict: 1 });
      let asked = 0;
      const given = await changeSpec(
        world.store,
        target,
        (volume) => {
          asked++;
          return volume;
        },
        never,
      );
      assert.deepEqual([!given.ok && given.failure.kind, asked], ["ObjectConflict", 20]);
    }));

  it("write nothing where nothing is to be changed, and answer what is there", () =>
    withVolume(async (world) => {
      const commits = world.commits.length;
      assert.deepEqual(await changeSpec(world.store, target, () => undefined, never), {
        ok: true,
        value: world.volume(),
      });
      assert.equal(world.commits.length, commits);
    }));

  it("ignore another object that was created under the name", () =>
    withVolume(async (world) => {
      const notFound = {
        ok: false,
        failure: { kind: "ObjectNotFound", objectKind: "AzVolume", name: "pvc-1" },
      };
      const never1 = (): never => assert.fail("it is another object");
      assert.deepEqual(await changeSpec(world.store, { ...target, uid: "another" }, never1, never), notFound);
      assert.deepEqual(await changeStatus(world.store, { kind: "AzVolume", name: "pvc-2" }, never1, never), {
        ok: false,
        failure: { ...notFound.failure, name: "pvc-2" },
      });
      const uid = world.volume()?.metadata.uid ?? "";
      assert.equal((await changeSpec(world.store, { ...target, uid }, () => undefined, never)).ok, true);
    }));
});

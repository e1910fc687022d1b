import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ReconcileWorld, withControllerPorts } from "../controller/testing/a-controller.ts";
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

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ReconcileWorld, withControllerPorts } from "../controller/testing/a-controller.ts";
import { fail } from "../core/failure/result.ts";
import { aVolume, aVolumeWithRecord, aWriter, diskUri, identity } from "../core/testing/objects.ts";
import { changedRecord, listIn } from "../core/testing/record-lists.ts";
import { grant, withdraw } from "../core/writer/record/writer-steps.ts";
import { updateRecord } from "./update-record.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const request = { volumeName: "pvc-1", nodeName: "node-a", step: "grant" } as const;

async function withRecord(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord({}));
    await act(world);
  });
}

describe("updateRecord", () => {
  it("writes the step's result and the caller's other changes as one named step", () =>
    withRecord(async (world) => {
      const updated = await updateRecord(
        world.ports,
        { ...request, alsoStatus: (status) => ({ ...status, state: "Updated" }) },
        (record) => grant(record, a),
        never,
      );
      assert.ok(updated.ok);
      assert.deepEqual(world.volume()?.status, {
        ...aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }).status,
        state: "Updated",
      });
      assert.deepEqual(world.steps, ["grant"]);
    }));

  it("asks the step again on the present record after a conflict", () =>
    withRecord(async (world) => {
      world.store.failNext({ fault: "conflict", verb: "updateStatus" });
      let asked = 0;
      const updated = await updateRecord(
        world.ports,
        request,
        (record) => {
          asked++;
          return grant(record, a);
        },
        never,
      );
      assert.equal(updated.ok, true);
      assert.equal(asked, 2);
    }));

  it("overwrites no concurrent change: the step sees it and may refuse", () =>
    withRecord(async (world) => {
      let asked = 0;
      const racing = updateRecord(
        {
          ...world.ports,
          steps: {
            run: async (_step, take) => {
              if (asked === 1)
                await world.setRecord((record) => ({ ...record, writer: aWriter("node-b"), epoch: 1 }));
              return take();
            },
          },
        },
        request,
        (record) => {
          asked++;
          return grant(record, a);
        },
        never,
      );
      assert.deepEqual(await racing, {
        ok: false,
        failure: { kind: "NotWriter", volumeId: diskUri, nodeName: "node-a", reason: "node-b is the writer" },
      });
      assert.deepEqual(world.record()?.writer, aWriter("node-b"));
    }));

  it("begins with its caller's read, and reads again after a conflict", () =>
    withRecord(async (world) => {
      const volumeRead = world.volume();
      assert.ok(volumeRead !== undefined);
      await world.setRecord((record) => changedRecord(record, { quarantined: [identity("node-b")] }));
      const asked: number[] = [];
      const updated = await updateRecord(
        world.ports,
        { ...request, volumeRead },
        (record) => {
          asked.push(listIn(record, "quarantined").length);
          return grant(record, a);
        },
        never,
      );
      assert.equal(updated.ok, true);
      assert.deepEqual(asked, [0, 1]);
      assert.deepEqual(listIn(world.record(), "quarantined"), [identity("node-b")]);
    }));

  it("acts only on the version of the decision, where one is given", () =>
    withRecord(async (world) => {
      const version = world.volume()?.metadata.resourceVersion ?? "";
      const conflict = {
        ok: false,
        failure: { kind: "ObjectConflict", objectKind: "AzVolume", name: "pvc-1" },
      };
      assert.deepEqual(
        await updateRecord(
          world.ports,
          { ...request, onlyAtVersion: "1" },
          (record) => grant(record, a),
          never,
        ),
        conflict,
      );
      world.store.failNext({ fault: "conflict", verb: "updateStatus" });
      assert.deepEqual(
        await updateRecord(
          world.ports,
          { ...request, onlyAtVersion: version },
          (record) => grant(record, a),
          never,
        ),
        conflict,
      );
      assert.equal(world.record()?.writer, undefined);
      assert.equal(
        (
          await updateRecord(
            world.ports,
            { ...request, onlyAtVersion: version },
            (record) => grant(record, a),
            never,
          )
        ).ok,
        true,
      );
    }));

  it("gives up after many conflicts, and passes other failures on", async () => {
    await withRecord(async (world) => {
      world.store.setWeather({ conflict: 1 });
      const updated = await updateRecord(world.ports, request, (record) => grant(record, a), never);
      assert.equal(!updated.ok && updated.failure.kind, "ObjectConflict");
      assert.equal(world.steps.length, 20);
      world.store.setWeather({ conflict: 0, unavailable: 1 });
      const unreachable = await updateRecord(world.ports, request, (record) => grant(record, a), never);
      assert.equal(!unreachable.ok && unreachable.failure.kind, "StoreUnavailable");
    });
    await withControllerPorts(async (world) => {
      const absent = await updateRecord(world.ports, request, () => fail("no"), never);
      assert.equal(!absent.ok && absent.failure.kind, "ObjectNotFound");
      await world.given("AzVolume", {
        ...aVolume(),
        status: { state: "Created", observedGeneration: 1, conditions: [] },
      });
      assert.deepEqual(await updateRecord(world.ports, request, () => fail("no"), never), {
        ok: false,
        failure: {
          kind: "NotWriter",
          volumeId: "pvc-1",
          nodeName: "node-a",
          reason: "the volume has no writer record",
        },
      });
    });
  });

  // Asking again finds that out.
  it("may have changed the record although the response was lost", () =>
    withRecord(async (world) => {
      world.store.failNext({ fault: "lostAnswer", verb: "updateStatus" });
      const lost = await updateRecord(world.ports, request, (record) => grant(record, a), never);
      assert.equal(!lost.ok && lost.failure.kind, "StoreUnavailable");
      assert.equal(
        (
          await updateRecord(
            world.ports,
            { ...request, step: "withdraw" },
            (record) => withdraw(record, a),
            never,
          )
        ).ok,
        true,
      );
      assert.deepEqual(world.record()?.writer, aWriter("node-a", { held: false, requested: false }));
    }));
});

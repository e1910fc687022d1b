import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { deleteVolume } from "../../src/csi/controller/deletion/delete-volume.ts";
import { expandVolume } from "../../src/csi/controller/expand-volume.ts";
import { getVolume } from "../../src/csi/controller/list-volumes.ts";
import { controllerPublishVolume } from "../../src/csi/controller/publish/controller-publish-volume.ts";
import { aCall } from "../../src/csi/testing/a-call.ts";
import { type ControllerWorld, withController } from "../../src/csi/testing/a-controller.ts";
import { aDetail, aRecord, aVolumeObject } from "../../src/csi/testing/objects.ts";
import { aMountCapability } from "../../src/csi/testing/requests.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addResourceGroup } from "../../src/emulator/model/set-up.ts";
import {
  aDiskRequest,
  diskUri,
  LOCATION,
  never,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
} from "../contract/worlds/cloud-bench.ts";
import { otherDiskIds, sameDiskIds } from "../contract/worlds/other-disk-ids.ts";
import { provisionerOnModel } from "./provisioner-on-model.ts";

const OWN = diskUri("pvc-1");
const RUNS = 100;

type Call = (world: ControllerWorld, volumeId: string) => Promise<Result<unknown>>;

const calls: Readonly<Record<string, Call>> = {
  delete: ({ context }, volumeId) =>
    deleteVolume(context, { volumeId, secrets: {} }, aCall({ deadlineMs: 1_000 })),
  publish: ({ context }, volumeId) =>
    controllerPublishVolume(
      context,
      {
        volumeId,
        nodeId: "node-a",
        volumeCapability: aMountCapability(),
        readonly: false,
        secrets: {},
        volumeContext: {},
      },
      aCall(),
    ),
  get: ({ context }, volumeId) => getVolume(context, { volumeId }, aCall()),
  expand: ({ context }, volumeId) =>
    expandVolume(
      context,
      {
        volumeId,
        capacityRange: { requiredBytes: 2n ** 40n, limitBytes: 0n },
        secrets: {},
        volumeCapability: undefined,
      },
      aCall({ deadlineMs: 1_000 }),
    ),
};

/**
 * A controller whose disk `pvc-1` exists in Azure and is known. Groups of that name exist in another
 * subscription, and a disk of that name in another group.
 */
async function withOwnDisk(act: (world: ControllerWorld) => Promise<void>): Promise<void> {
  await withController(async (plain) => {
    const { clock } = plain;
    const model = createComputeModel({ clock });
    for (const name of [RESOURCE_GROUP, `${RESOURCE_GROUP}x`])
      addResourceGroup(model.world, { subscriptionId: SUBSCRIPTION_ID, name, location: LOCATION });
    const cloud = provisionerOnModel(model, clock);
    const world: ControllerWorld = { ...plain, context: { ...plain.context, cloud } };
    valueOf(await world.answerOf(cloud.createDisk(aDiskRequest(), never)));
    await world.givenNode("node-a");
    const volume = aVolumeObject({ detail: aDetail({ diskUri: OWN }) });
    assert.ok(volume.status !== undefined);
    await world.given("AzVolume", {
      ...volume,
      status: { ...volume.status, record: aRecord({ writer: WRITER }) },
    });
    await act(world);
  });
}

const WRITER = {
  nodeName: "node-a",
  vmId: "vm-of-node-a",
  instanceUri: "/virtualMachines/a",
  epoch: 1,
  held: true,
  requested: true,
};

async function volumes({ context }: ControllerWorld): Promise<readonly unknown[]> {
  return valueOf(await context.store.list("AzVolume", {}, never)).items;
}

describe("disk identity", () => {
  it("leaves a volume alone when the volume_id of a call differs in any one segment", () =>
    withOwnDisk(async (world) => {
      const before = await volumes(world);
      await fc.assert(
        fc.asyncProperty(
          otherDiskIds(OWN),
          fc.constantFrom(...Object.values(calls)),
          async (volumeId, call) => {
            const answered = await world.answerOf(call(world, volumeId));
            assert.ok(!answered.ok || call === calls["delete"], `${volumeId} was served`);
            assert.deepEqual(await volumes(world), before, `after a call for ${volumeId}`);
          },
        ),
        { numRuns: RUNS },
      );
    }));

  it("refuses a disk of another subscription, and creates no object for it", () =>
    withOwnDisk(async (world) => {
      const before = await volumes(world);
      const volumeId = OWN.replace(SUBSCRIPTION_ID, "00000000-0000-0000-0000-00000000beef");
      for (const call of ["delete", "publish"]) {
        const answered = await world.answerOf(calls[call]?.(world, volumeId) ?? assert.fail(call));
        assert.ok(!answered.ok && answered.failure.kind === "InvalidArgument", JSON.stringify(answered));
        assert.match(
          answered.failure.problem,
          /in subscription 00000000-0000-0000-0000-00000000beef; this driver serves only/u,
        );
      }
      assert.deepEqual(await volumes(world), before);
    }));

  it("finds one object and one record by an id in any case", () =>
    withOwnDisk(async (world) => {
      const before = await volumes(world);
      await fc.assert(
        fc.asyncProperty(sameDiskIds(OWN), async (volumeId) => {
          const found = valueOf(await world.answerOf(getVolume(world.context, { volumeId }, aCall())));
          assert.equal(found.volume?.volumeId, OWN);
          const published = await world.answerOf(calls["publish"]?.(world, volumeId) ?? assert.fail());
          assert.ok(published.ok, JSON.stringify(published));
          assert.deepEqual(await volumes(world), before);
          assert.equal(
            valueOf(await world.context.store.list("AzVolumeAttachment", {}, never)).items.length,
            1,
          );
        }),
        { numRuns: 20 },
      );
    }));
});

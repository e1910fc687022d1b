import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { disksInAzure } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { makeDisk } from "./workload/disks-by-hand.ts";
import { diskOf, type KeptDisk, releaseDisk, staticVolume } from "./workload/kept-disks.ts";
import { aClaim, aClass, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, type Workloads, withWorkloads } from "./workload/workloads.ts";

const AT_ONCE = 2;

describe(
  "volumes of retained disks",
  { skip: (await reasonAgainstLab()) ?? false, concurrency: AT_ONCE },
  () => {
    let lab: Lab;
    before(async () => {
      lab = await driverLab();
    });
    after(() => untilNothingIsLeft(lab));

    it("keeps the disk of a class with Retain, and serves it as a static volume", () =>
      withWorkloads(lab, "retained", async (workloads) =>
        withClusterObjects(
          lab,
          manifestOf(
            aClass({
              name: "retained",
              parameters: {},
              reclaimPolicy: "Retain",
              volumeBindingMode: "WaitForFirstConsumer",
            }),
          ),
          async () => {
            await workloads.apply(
              manifestOf(
                aClaim({ name: "data", storageClass: "retained" }),
                aPod({ name: "first", mounts: [{ claim: "data", path: "/data" }] }),
              ),
            );
            await workloads.untilReady("first");
            await workloads.inPod("first", "echo kept > /data/file; sync");
            const { spec } = await workloads.volumeOf("data");
            const disk = await diskOf(workloads, "data");
            await workloads.kubectl(["delete", "pod/first", "pvc/data"]);
            await lab.kubectl([
              "wait",
              `pv/${spec.volumeName}`,
              "--for=jsonpath={.status.phase}=Released",
              "--timeout=180s",
            ]);
            await lab.kubectl(["delete", `pv/${spec.volumeName}`]);
            assert.ok((await disksInAzure(lab)).includes(spec.volumeName), "the disk is there");
            await findsItsData(workloads, "retained-again", disk);
          },
        ),
      ));

    it("serves a disk that was created by hand by its URI, twice with the same data", () =>
      withWorkloads(lab, "static", async (workloads) => {
        const { azure } = lab;
        const { zone = "" } = lab.node("node-a");
        const diskUri = `/subscriptions/${azure.subscriptionId}/resourceGroups/${azure.resourceGroup}/providers/Microsoft.Compute/disks/Made_By_Hand`;
        await makeDisk(azure, { diskUri, zone });
        await workloads.apply(await staticVolume(workloads, "made-by-hand", { diskUri, zone }));
        await workloads.apply(
          manifestOf(aPod({ name: "first", mounts: [{ claim: "existing-disk", path: "/data" }] })),
        );
        await workloads.untilReady("first");
        await workloads.inPod("first", "echo kept > /data/file; sync");
        await workloads.kubectl(["delete", "pod/first", "pvc/existing-disk"]);
        await lab.kubectl(["delete", "pv/made-by-hand"]);
        await findsItsData(workloads, "made-by-hand-again", { diskUri, zone });
      }));
  },
);

/**
 * Creates a PersistentVolume of the disk, reads the data of an earlier pod, and deletes the disk with it.
 */
async function findsItsData(workloads: Workloads, name: string, disk: KeptDisk): Promise<void> {
  await workloads.apply(await staticVolume(workloads, name, disk));
  try {
    await workloads.apply(
      manifestOf(aPod({ name: "second", mounts: [{ claim: "existing-disk", path: "/data" }] })),
    );
    await workloads.untilReady("second");
    assert.equal(await workloads.inPod("second", "cat /data/file"), "kept");
  } finally {
    await releaseDisk(workloads.lab, name);
  }
}

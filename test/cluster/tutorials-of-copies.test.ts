import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { example } from "./workload/examples.ts";
import {
  deleteSnapshots,
  installSnapshots,
  removeSnapshots,
  untilSnapshotReady,
} from "./workload/snapshots.ts";
import { aClaim, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const MOUNT = "/mnt/azuredisk";
const FILES = "lost+found\noutfile\ntest.txt\n";
/** The least size that bursts on demand, and one that does not. */
const BURSTING_GIB = 513;
const SMALL_GIB = 10;

/** Manifests and commands come from the users' tutorials, and their output is the same here. */
describe("the tutorials of copies", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await installSnapshots(lab);
  });
  after(async () => {
    await removeSnapshots(lab);
    await untilNothingIsLeft(lab);
  });

  it("Use the Azure Disk CSI driver: restored and cloned volumes have the files", () =>
    withWorkloads(lab, "tutorial-copies", async (workloads) => {
      const { kubectl } = workloads;
      const apply = async (input: string): Promise<string> => kubectl(["apply", "--filename=-"], { input });
      const snapshotClass = await example("aks-azure-disk/storageclass-azuredisk-snapshot.yaml");
      await withClusterObjects(lab, snapshotClass, async () => {
        await apply(await example("aks-azure-disk/pvc-azuredisk-csi.yaml"));
        await apply(await example("aks-azure-disk/nginx-pod-azuredisk.yaml"));
        await workloads.untilReady("nginx-azuredisk");
        await workloads.inPod("nginx-azuredisk", `touch ${MOUNT}/test.txt; sync`);
        assert.equal(
          await apply(await example("aks-azure-disk/azuredisk-volume-snapshot.yaml")),
          "volumesnapshot.snapshot.storage.k8s.io/azuredisk-volume-snapshot created\n",
        );
        await thenCleanUp(
          async () => {
            await untilSnapshotReady(workloads, "azuredisk-volume-snapshot");
            assert.match(
              await kubectl(["describe", "volumesnapshot", "azuredisk-volume-snapshot"]),
              /Ready To Use: +true\n +Restore Size: +10Gi\n/u,
            );
            await apply(await example("aks-azure-disk/pvc-azuredisk-snapshot-restored.yaml"));
            await apply(await example("aks-azure-disk/nginx-pod-restored-snapshot.yaml"));
            await apply(await example("aks-azure-disk/pvc-azuredisk-cloning.yaml"));
            await apply(await example("aks-azure-disk/nginx-pod-restored-cloning.yaml"));
            for (const pod of ["nginx-restored", "nginx-restored-cloning"]) {
              await workloads.untilReady(pod);
              assert.equal(await kubectl(["exec", pod, "--", "ls", MOUNT]), FILES, pod);
            }
          },
          () => deleteSnapshots(workloads),
        );
      });
    }));

  it("On-demand bursting: the disk bursts, and a smaller claim has the reason", () =>
    withWorkloads(lab, "tutorial-bursting", async (workloads) =>
      withClusterObjects(
        lab,
        await example("aks-azure-disk/sc-burstable-managed-csi-premium.yaml"),
        async () => {
          const storageClass = "burstable-managed-csi-premium";
          // Raw, since the format of a file system of this size writes gigabytes.
          const claims = [
            aClaim({ name: "bursts", storageClass, sizeGiB: BURSTING_GIB, volumeMode: "Block" }),
            aClaim({ name: "small", storageClass, sizeGiB: SMALL_GIB, volumeMode: "Block" }),
          ];
          const pods = ["bursts", "small"].map((name) =>
            aPod({ name, mounts: [{ claim: name, device: "/dev/data" }] }),
          );
          await workloads.apply(manifestOf(...claims, ...pods));
          await workloads.untilReady("bursts");
          const { status } = await workloads.volumeOf("bursts");
          const disk = (await lab.azure.call(
            "GET",
            `${status?.detail?.diskUri ?? ""}?api-version=2025-01-02`,
          )) as {
            readonly properties: { readonly burstingEnabled?: boolean };
          };
          assert.deepEqual([disk.properties.burstingEnabled, status?.detail?.skuName], [true, "Premium_LRS"]);
          await workloads.untilEvent(
            "PersistentVolumeClaim",
            "small",
            /^ProvisioningFailed: .*parameters\.enableBursting.*513/u,
          );
        },
      ),
    ));

  it("Deep dive: a snapshot and a clone of the claim", () =>
    withWorkloads(lab, "tutorial-deep-copies", async (workloads) => {
      const clusterObjects = [
        await example("csi-deep-dive/storage-class.yaml"),
        await example("aks-azure-disk/storageclass-azuredisk-snapshot.yaml"),
      ].join("---\n");
      await withClusterObjects(lab, clusterObjects, async () => {
        for (const path of ["csi-deep-dive/claim.yaml", "csi-deep-dive/pod.yaml"])
          await workloads.apply(await example(path));
        await workloads.untilReady("csi-demo-pod");
        await workloads.inPod("csi-demo-pod", "echo kept > /var/www/html/file; sync");
        await workloads.apply(await example("csi-deep-dive/snapshot.yaml"));
        await thenCleanUp(
          async () => {
            await untilSnapshotReady(workloads, "azuredisk-snapshot");
            await workloads.apply(await example("csi-deep-dive/claim-clone.yaml"));
            await workloads.apply(
              manifestOf(aPod({ name: "clone", mounts: [{ claim: "azuredisk-pvc-clone", path: "/data" }] })),
            );
            await workloads.untilReady("clone");
            assert.equal(await workloads.inPod("clone", "cat /data/file"), "kept");
          },
          () => deleteSnapshots(workloads),
        );
      });
    }));
});

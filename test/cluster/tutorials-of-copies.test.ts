import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { example } from "./workload/examples.ts";
import { deleteSnapshots, takeSnapshots, untilSnapshotReady } from "./workload/snapshots.ts";
import { aClaim, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { type Workloads, withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const MOUNT = "/mnt/azuredisk";
const FILES = "lost+found\noutfile\ntest.txt\n";
/** More than fits in any buffer, so that a copy of some of its blocks shows. */
const BLOB_MIB = 8;
const DEEP_DIVE_FILE = "/var/www/html/file";
const DEEP_DIVE_GIB = 10;
/** The least size that bursts on demand, and one that does not. */
const BURSTING_GIB = 513;
const SMALL_GIB = 10;

/** Manifests and commands come from the users' tutorials, and their output is the same here. */
describe("the tutorials of copies", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await takeSnapshots(lab);
  });
  after(() => untilNothingIsLeft(lab));

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
        const syncedBytes = Number(await workloads.inPod("nginx-azuredisk", `wc -c < ${MOUNT}/outfile`));
        // It syncs all files, the outfile too.
        const kept = await writeBlob(workloads, "nginx-azuredisk", `${MOUNT}/test.txt`);
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
              assert.equal(await sha256Of(workloads, pod, `${MOUNT}/test.txt`), kept, pod);
              await hasSynced(workloads, { pod, of: "nginx-azuredisk", bytes: syncedBytes });
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
        const kept = await writeBlob(workloads, "csi-demo-pod", DEEP_DIVE_FILE);
        await workloads.apply(await example("csi-deep-dive/snapshot.yaml"));
        await thenCleanUp(
          async () => {
            await untilSnapshotReady(workloads, "azuredisk-snapshot");
            const later = await writeBlob(workloads, "csi-demo-pod", DEEP_DIVE_FILE);
            assert.notEqual(later, kept);
            await workloads.apply(await example("csi-deep-dive/claim-clone.yaml"));
            await workloads.apply(
              manifestOf(
                aPod({ name: "clone", mounts: [{ claim: "azuredisk-pvc-clone", path: "/data" }] }),
                aClaim({
                  name: "restored",
                  storageClass: "azuredisk-csi",
                  sizeGiB: DEEP_DIVE_GIB,
                  copyOf: { kind: "VolumeSnapshot", name: "azuredisk-snapshot" },
                }),
                aPod({ name: "restored", mounts: [{ claim: "restored", path: "/data" }] }),
              ),
            );
            for (const [pod, expected] of [
              ["clone", later],
              ["restored", kept],
            ] as const) {
              await workloads.untilReady(pod);
              assert.equal(await sha256Of(workloads, pod, "/data/file"), expected, pod);
            }
          },
          () => deleteSnapshots(workloads),
        );
      });
    }));
});

/** Writes bytes that no other call has written, syncs them, and returns their sum. */
async function writeBlob(workloads: Workloads, pod: string, path: string): Promise<string> {
  const write = `dd if=/dev/urandom of=${path} bs=1M count=${BLOB_MIB} conv=fsync 2>/dev/null; sync`;
  await workloads.inPod(pod, write);
  return sha256Of(workloads, pod, path);
}

/** The sum of a file, without its name, which differs between pods. */
function sha256Of(workloads: Workloads, pod: string, path: string): Promise<string> {
  return workloads.inPod(pod, `sha256sum < ${path}`);
}

/**
 * A copy's `outfile` begins with the bytes that were synced before. Of those that the source's pod has
 * appended since, ext4 may show the length before the data, as after a power failure.
 */
async function hasSynced(
  workloads: Workloads,
  { pod, of, bytes }: { readonly pod: string; readonly of: string; readonly bytes: number },
): Promise<void> {
  assert.ok(bytes > 0, "nothing was synced");
  const head = `head -c ${bytes} ${MOUNT}/outfile`;
  const beginning = `${head} | sha256sum; ${head} | wc -c`;
  const synced = await workloads.inPod(of, beginning);
  assert.match(synced, new RegExp(`^${bytes}$`, "mu"), of);
  assert.equal(await workloads.inPod(pod, beginning), synced, pod);
}

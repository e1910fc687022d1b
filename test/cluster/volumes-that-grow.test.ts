import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { vmsOfDisk } from "./assert/vms-of-disk.ts";
import { driverLab } from "./driver-lab.ts";
import { example } from "./workload/examples.ts";
import { inGiB, patchSize, untilGrown } from "./workload/growth.ts";
import { aClaim, aClass, aPod, aStatefulSet, manifestOf } from "./workload/volume-manifests.ts";
import { attachmentsOf, withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const AT_ONCE = 3;
const ATTACHED_MAX_MS = 240_000;
const BYTES_PER_GIB = 1024 ** 3;

describe("volumes that grow", { skip: (await reasonAgainstLab()) ?? false, concurrency: AT_ONCE }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("grows an xfs and a raw disk under a pod that keeps writing", () =>
    withWorkloads(lab, "grows-in-use", async (workloads) =>
      withClusterObjects(
        lab,
        manifestOf(
          aClass({
            name: "grows-in-use",
            parameters: { fsType: "xfs" },
            volumeBindingMode: "WaitForFirstConsumer",
          }),
        ),
        async () => {
          const mounts = [
            { claim: "files", path: "/files" },
            { claim: "raw", device: "/dev/raw-disk" },
          ];
          const claims = [
            aClaim({ name: "files", storageClass: "grows-in-use" }),
            aClaim({ name: "raw", storageClass: "grows-in-use", volumeMode: "Block" }),
          ];
          await workloads.apply(manifestOf(...claims, aPod({ name: "app", mounts })));
          await workloads.untilReady("app");
          await workloads.inPod("app", "(while date >> /files/log; do sleep 0.1; done) > /dev/null 2>&1 &");
          for (const claim of ["files", "raw"]) await patchSize(workloads, claim, 6);
          for (const claim of ["files", "raw"])
            assert.equal(await untilGrown(workloads, claim, 6), "done", claim);
          assert.equal(await inGiB(workloads, "app", "/files"), 6);
          assert.equal(
            Number(await workloads.inPod("app", "blockdev --getsize64 /dev/raw-disk")),
            6 * BYTES_PER_GIB,
          );
          const lines = Number(await workloads.inPod("app", "wc -l < /files/log"));
          assert.equal(
            await workloads.inPod(
              "app",
              `timeout 30 sh -c 'until [ $(wc -l < /files/log) -gt ${lines} ]; do sleep 0.1; done' && ` +
                "echo continues",
            ),
            "continues",
          );
        },
      ),
    ));

  it("grows an ext4 twice while its pod is scaled to zero, and keeps its data", () =>
    withWorkloads(lab, "grows-at-rest", async (workloads) => {
      const { kubectl } = workloads;
      await workloads.apply(await example("volumes/stateful-set.yaml"));
      await workloads.untilReady("database-0");
      await workloads.inPod("database-0", "echo kept > /data/file; sync");
      await kubectl(["scale", "statefulset/database", "--replicas=0"]);
      await kubectl(["wait", "--for=delete", "pod/database-0", "--timeout=180s"]);
      await patchSize(workloads, "data-database-0", 6);
      await kubectl([
        "wait",
        "pvc/data-database-0",
        "--for=condition=FileSystemResizePending",
        "--timeout=180s",
      ]);
      // csi-resizer asks for more only once a pod has grown the file system to the size before
      // (kubernetes-sigs/azuredisk-csi-driver#3378): the claim has both with the pod's start.
      await patchSize(workloads, "data-database-0", 8);
      await kubectl(["scale", "statefulset/database", "--replicas=1"]);
      await workloads.untilReady("database-0");
      if ((await untilGrown(workloads, "data-database-0", 8)) !== "done") {
        await kubectl(["delete", "pod/database-0"]);
        await workloads.untilReady("database-0");
        assert.equal(await untilGrown(workloads, "data-database-0", 8), "done");
      }
      assert.equal(await inGiB(workloads, "database-0", "/data"), 8);
      assert.equal(await workloads.inPod("database-0", "cat /data/file"), "kept");
    }));

  it("grows a shared disk while its pod is scaled to zero; its replica then returns", () =>
    withWorkloads(lab, "grows-shared", async (workloads) => {
      const { kubectl } = workloads;
      const name = "grows-shared";
      const parameters = { skuName: "Premium_ZRS", maxShares: "2", fsType: "xfs" };
      const volumeBindingMode = "WaitForFirstConsumer";
      await withClusterObjects(lab, manifestOf(aClass({ name, parameters, volumeBindingMode })), async () => {
        await workloads.apply(manifestOf(aStatefulSet({ name: "app", storageClass: name, sizeGiB: 256 })));
        await workloads.untilReady("app-0");
        await workloads.inPod("app-0", "echo kept > /data/file; sync");
        const { metadata, status } = await workloads.volumeOf("data-app-0");
        const diskUri = status?.detail?.diskUri ?? "";
        const replica = await untilReplicaAttached(lab, metadata.name);
        assert.equal((await vmsOfDisk(lab, diskUri)).length, 2);

        await patchSize(workloads, "data-app-0", 512);
        const refused = new RegExp(`^NotExpanded: .*${await workloads.nodeOf("app-0")}`, "u");
        await workloads.untilEvent("PersistentVolumeClaim", "data-app-0", refused);
        await workloads.untilEvent("Pod", "app-0", refused);
        assert.equal(await untilReplicaAttached(lab, metadata.name), replica, "it stays for a failover");

        await kubectl(["scale", "statefulset/app", "--replicas=0"]);
        await kubectl(["wait", "--for=delete", "pod/app-0", "--timeout=180s"]);
        // csi-resizer repeats its call within 30 seconds.
        const pending = "--for=condition=FileSystemResizePending";
        await kubectl(["wait", "pvc/data-app-0", pending, "--timeout=180s"]);
        const capacity = "--output=jsonpath={.spec.capacity.storage}";
        assert.equal(await lab.kubectl(["get", `pv/${metadata.name}`, capacity]), "512Gi");
        assert.deepEqual(await vmsOfDisk(lab, diskUri), [], "Azure grew it while no VM had it");

        await kubectl(["scale", "statefulset/app", "--replicas=1"]);
        await workloads.untilReady("app-0");
        assert.equal(await untilGrown(workloads, "data-app-0", 512), "done");
        assert.equal(await inGiB(workloads, "app-0", "/data"), 512);
        assert.equal(await workloads.inPod("app-0", "cat /data/file"), "kept");
        assert.notEqual(await untilReplicaAttached(lab, metadata.name), replica, "it is attached again");
        assert.equal((await vmsOfDisk(lab, diskUri)).length, 2);
      });
    }));
});

/** The uid of the volume's one replica, once that is attached. */
async function untilReplicaAttached(lab: Lab, volumeName: string): Promise<string> {
  return waitUntil(`a replica of ${volumeName} to be attached`, { timeoutMs: ATTACHED_MAX_MS }, async () => {
    const attachments = [...(await attachmentsOf(lab, volumeName)).values()];
    const replica = attachments.find(
      ({ spec, status }) => spec.role === "Replica" && status?.state === "Attached",
    );
    return replica?.metadata.uid;
  });
}

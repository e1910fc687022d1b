import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { example } from "./workload/examples.ts";
import { inGiB, patchSize, untilGrown } from "./workload/growth.ts";
import { aClaim, aClass, aPod, manifestOf } from "./workload/volume-manifests.ts";
import { withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const AT_ONCE = 2;
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

  it("grows an ext4 while its pod is scaled to zero, and the pod returns to its data", () =>
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
      await kubectl(["scale", "statefulset/database", "--replicas=1"]);
      await workloads.untilReady("database-0");
      assert.equal(await untilGrown(workloads, "data-database-0", 6), "done");
      assert.equal(await inGiB(workloads, "database-0", "/data"), 6);
      assert.equal(await workloads.inPod("database-0", "cat /data/file"), "kept");
    }));
});

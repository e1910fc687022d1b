import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withCluster, workload } from "../testing/a-cluster.ts";

describe("CSI's letter", () => {
  it("lets CreateVolume refuse a name that another cluster's disk has", () =>
    withCluster(
      async (test) => {
        test.refuse("create", { code: "ALREADY_EXISTS" });
        test.cluster.apply(workload);
        await test.untilRunning();
      },
      { isTakenByOthers: (diskName) => diskName === workload.volumeName },
    ));

  it("does not let it refuse a name that no other cluster's disk has", () =>
    assert.rejects(
      withCluster(async (test) => {
        test.refuse("create", { code: "ALREADY_EXISTS" });
        test.cluster.apply(workload);
        await test.untilRunning();
      }),
      /createVolume answered ALREADY_EXISTS/u,
    ));

  it("does not let DeleteVolume succeed while the disk is in Azure", () =>
    assert.rejects(
      withCluster(
        async (test) => {
          test.cluster.apply(workload);
          await test.untilRunning();
          test.cluster.deleteWorkload(workload.volumeName);
          await test.until("its volume to be deleted", () => test.calls.includes("delete"));
          await test.until(
            "its volume to be gone",
            () => test.cluster.diskUriOf(workload.volumeName) === undefined,
          );
        },
        { isInAzure: () => true },
      ),
      /deleteVolume succeeded, and its disk is still in Azure/u,
    ));

  for (const [skuName, isRight] of [
    ["PremiumV2_LRS", true],
    ["Premium_LRS", false],
  ] as const)
    it(`${isRight ? "lets" : "does not let"} ControllerModifyVolume refuse Premium_LRS of ${skuName}`, async () => {
      const modified = withCluster(
        async (test) => {
          test.refuse("modify", { code: "INVALID_ARGUMENT" });
          test.cluster.apply(workload);
          await test.untilRunning();
          test.cluster.modify(workload.volumeName, "premium");
          await test.until("two calls", () => test.calls.filter((call) => call === "modify").length === 2);
        },
        { skuOf: () => skuName },
      );
      if (isRight) await modified;
      else await assert.rejects(modified, /controllerModifyVolume answered INVALID_ARGUMENT/u);
    });

  it("lets no change be refused as over a limit, which csi-resizer would repeat", () =>
    assert.rejects(
      withCluster(async (test) => {
        test.refuse("expand", { code: "RESOURCE_EXHAUSTED" });
        test.cluster.apply(workload);
        await test.untilRunning();
        test.cluster.grow(workload.volumeName, 2 * workload.sizeGiB);
        await test.until("two calls", () => test.calls.filter((call) => call === "expand").length === 2);
      }),
      /controllerExpandVolume answered RESOURCE_EXHAUSTED/u,
    ));

  for (const { what, message } of [
    {
      what: "a command that failed",
      message: "mount -t ext4 /dev/sdc failed with exit code 32: bad superblock",
    },
    { what: "a refusal of Azure's that has no code of its own", message: "Azure refused: BadRequest: no" },
    { what: "a handler that threw", message: "a bug in the driver: see its log" },
  ])
    it(`does not let a call answer INTERNAL, for ${what}`, () =>
      assert.rejects(
        withCluster(async (test) => {
          for (const { name } of test.cluster.nodes())
            test.refuse(`${name} stage`, { code: "INTERNAL", message });
          test.cluster.apply(workload);
          await test.untilRunning();
        }),
        /nodeStageVolume answered INTERNAL/u,
      ));
});

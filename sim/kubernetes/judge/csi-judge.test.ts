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
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type TestCluster, withCluster, workload } from "./testing/a-cluster.ts";

/** A pod that runs, on the node that it runs on. */
async function started(test: TestCluster): Promise<string> {
  test.cluster.apply(workload);
  await test.untilRunning();
  test.forget();
  return test.cluster.pods()[0]?.nodeName ?? "";
}

describe("a simulated Kubernetes", () => {
  it("calls the driver in the order of a real cluster, from claim to Running, and to nothing again", () =>
    withCluster(async (test) => {
      const nodeName = await started(test);
      console.log(test.lines.join("\n"));
      test.cluster.deleteWorkload(workload.volumeName);
      await test.until("nothing is left", () => test.cluster.unsettled().length === 0);
      console.log(test.lines.join("\n"));
      assert.deepEqual(test.calls, [`${nodeName} unpublish`, `${nodeName} unstage`, `${nodeName} unpublish from`, "delete"]);
    }));
});

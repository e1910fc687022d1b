import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { example } from "./workload/examples.ts";
import { inGiB } from "./workload/growth.ts";
import { deleteSnapshots, takeSnapshots, untilSnapshotReady } from "./workload/snapshots.ts";
import { type Workloads, withClusterObjects, withWorkloads } from "./workload/workloads.ts";

const JOB_MAX_MS = 180_000;
/** A schedule has a resolution of a minute. */
const SCHEDULED_MAX_MS = 240_000;
const LOOK_EVERY_MS = 500;
const SUM = "sha256sum /data/before";

describe("the examples of copies", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await takeSnapshots(lab);
  });
  after(() => untilNothingIsLeft(lab));

  /** Runs `use` with the example's StatefulSet, whose volume has a file `before`, and its snapshot. */
  const withBackup = (namespace: string, use: (workloads: Workloads) => Promise<void>): Promise<void> =>
    withWorkloads(lab, namespace, async (workloads) => {
      const [snapshotClass = "", snapshot = ""] = (await example("copies/snapshot.yaml")).split("\n---\n");
      await withClusterObjects(lab, snapshotClass, async () => {
        await workloads.apply(await example("volumes/stateful-set.yaml"));
        await workloads.untilReady("database-0");
        await workloads.inPod("database-0", "echo before > /data/before; sync");
        await thenCleanUp(
          async () => {
            await workloads.apply(snapshot);
            await untilSnapshotReady(workloads, "before-upgrade");
            await use(workloads);
          },
          async () => {
            const gone = `--timeout=${JOB_MAX_MS}ms`;
            await workloads.kubectl(["delete", "cronjobs,jobs", "--all", gone], {
              timeoutMs: 2 * JOB_MAX_MS,
            });
            await deleteSnapshots(workloads);
          },
        );
      });
    });

  it("restore a snapshot into a larger volume, and clone a volume under its pod", () =>
    withBackup("examples-of-copies", async (workloads) => {
      await workloads.inPod("database-0", "echo after > /data/after; sync");
      await workloads.apply(await example("copies/restore.yaml"));
      await workloads.apply(await example("copies/clone.yaml"));
      for (const pod of ["restored", "clone"]) await workloads.untilReady(pod);
      const files = "cd /data && cat before after 2>/dev/null || true";
      assert.equal(await workloads.inPod("restored", files), "before");
      assert.equal(await workloads.inPod("clone", files), "before\nafter");
      assert.equal(await inGiB(workloads, "restored", "/data"), 6);
      assert.equal((await workloads.volumeOf("restored")).status?.detail?.skuName, "Premium_LRS");
    }));

  it("take snapshots by a schedule, which restore, and delete an older one for a newer", () =>
    withBackup("examples-of-schedules", async (workloads) => {
      const { kubectl } = workloads;
      await workloads.apply(await example("copies/scheduled-snapshots.yaml"));
      await kubectl(["set", "env", "cronjob/nightly", "KEEP=1"]);
      await kubectl(["create", "job", "first", "--from=cronjob/nightly"]);
      await untilScheduled(workloads, (names) => names.length === 1 && names[0] === "first");
      await kubectl(["wait", "job/first", "--for=condition=Complete", `--timeout=${JOB_MAX_MS}ms`], {
        timeoutMs: 2 * JOB_MAX_MS,
      });
      const written = await workloads.inPod("database-0", SUM);
      await workloads.inPod("database-0", "echo after > /data/before; sync");
      const restore = await example("copies/restore.yaml");
      await workloads.apply(restore.replace("name: before-upgrade", "name: first"));
      await workloads.untilReady("restored");
      assert.equal(await workloads.inPod("restored", SUM), written);
      assert.notEqual(await workloads.inPod("database-0", SUM), written);

      await kubectl(["patch", "cronjob/nightly", "--patch", '{"spec": {"schedule": "* * * * *"}}']);
      await untilScheduled(workloads, (names) => names.length > 0 && !names.includes("first"));
      assert.equal(
        await kubectl(["get", "volumesnapshot/before-upgrade", "--output=jsonpath={.status.readyToUse}"]),
        "true",
        "a snapshot that the schedule has not made stays",
      );
    }));
});

/** Waits until the snapshots of the schedule that are ready have the expected names, oldest first. */
async function untilScheduled(
  { kubectl }: Workloads,
  isExpected: (names: readonly string[]) => boolean,
): Promise<void> {
  const ready = "{range .items[?(@.status.readyToUse==true)]}{.metadata.name}{'\\n'}{end}";
  let last = "";
  try {
    await waitUntil(
      "snapshots of the schedule",
      { timeoutMs: SCHEDULED_MAX_MS, everyMs: LOOK_EVERY_MS },
      async () => {
        const bySchedule = ["--selector=schedule=nightly", "--sort-by=.metadata.creationTimestamp"];
        last = await kubectl(["get", "volumesnapshots", ...bySchedule, `--output=jsonpath=${ready}`]);
        return isExpected(last.split("\n").filter((name) => name !== "")) ? true : undefined;
      },
    );
  } catch (error) {
    const logs = await kubectl(["logs", "--selector=batch.kubernetes.io/job-name", "--prefix"]).catch(String);
    throw new Error(`the schedule has made ${JSON.stringify(last)}\n${logs}`, { cause: error });
  }
}

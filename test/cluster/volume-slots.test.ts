import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import { reasonAgainstKubernetes } from "./older-kubernetes.ts";
import { withForeignDisks } from "./workload/foreign-disks.ts";

/** Maximum of data disks of the lab's VMs. */
const SLOTS = 16;
const FOREIGN = 2;
/** The shortest period that Kubernetes accepts; the chart's is a minute. */
const ASKED_EVERY_S = 10;
/** Two checks of the plug-in, which does not trust the first one, and then the kubelet's next query. */
const TOLD_MAX_MS = 240_000;

const SKIP =
  (await reasonAgainstLab()) ??
  reasonAgainstKubernetes("1.35", "nodeAllocatableUpdatePeriodSeconds by default") ??
  false;

describe("slots for volumes", { skip: SKIP }, () => {
  let lab: Lab;
  let askedEveryS: number;
  const setPeriod = (nodeAllocatableUpdatePeriodSeconds: number): Promise<string> =>
    lab.kubectl([
      "patch",
      "csidriver/disk.csi.azure.com",
      "--type=merge",
      `--patch=${JSON.stringify({ spec: { nodeAllocatableUpdatePeriodSeconds } })}`,
    ]);
  before(async () => {
    lab = await driverLab();
    await untilNothingIsLeft(lab);
    askedEveryS = Number(
      await lab.kubectl([
        "get",
        "csidriver/disk.csi.azure.com",
        "--output=jsonpath={.spec.nodeAllocatableUpdatePeriodSeconds}",
      ]),
    );
    await setPeriod(ASKED_EVERY_S);
  });
  after(() => setPeriod(askedEveryS));

  it("in use by others are reported to the scheduler, and reported free afterwards", async () => {
    const told = async (nodeName: string): Promise<number> =>
      Number(
        await lab.kubectl([
          "get",
          `csinode/${nodeName}`,
          "--output=jsonpath={.spec.drivers[?(@.name=='disk.csi.azure.com')].allocatable.count}",
        ]),
      );
    const untilSignalled = (nodeName: string, count: number): Promise<true> =>
      waitUntil(`the CSINode of ${nodeName} to say ${count}`, { timeoutMs: TOLD_MAX_MS }, async () =>
        (await told(nodeName)) === count ? true : undefined,
      );
    await untilSignalled("node-c", SLOTS);
    await withForeignDisks(lab, { nodeName: "node-c", count: FOREIGN }, async () => {
      await untilSignalled("node-c", SLOTS - FOREIGN);
      assert.equal(await told("node-a"), SLOTS);
    });
    await untilSignalled("node-c", SLOTS);
  });
});

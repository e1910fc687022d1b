import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/then-clean-up.ts";
import { drainStandby, untilStandby, withStandby } from "./drain-standby.ts";
import { driverLab } from "./driver-lab.ts";
import { movesWithItsRecords } from "./move-writer.ts";
import { untilNodeReady } from "./node-ready.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { assertNeverFailed, untilTold, writerPod } from "./record-writer.ts";
import { untilPlugInsReady, writesOnWhilePlugInEnds } from "./replace-plug-in.ts";
import { assertSoundOnDisk } from "./sound-disk.ts";

const HOME = "node-b";
const TWO_SHARES = "faults-two-shares";

describe("node plug-ins that end in a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("lets a pod write on while its node's plug-in is killed, upgraded and rolled back, and while the node of its standby is drained and goes: the standby moves elsewhere", () =>
    withStandby(lab, { namespace: "plug-in", storageClass: TWO_SHARES, home: HOME }, async (workloads, pod) => {
      await writesOnWhilePlugInEnds(workloads, pod, "kubernetes");

      const standby = await drainStandby(workloads, pod);
      await lab.kubectl(["delete", "node", standby]);
      await thenCleanUp(
        () => untilStandby(workloads, pod, (nodeName) => nodeName !== standby),
        async () => {
          // It says anew that it is a node when it starts, and no longer that it is cordoned.
          await lab.node(standby).stopKubelet();
          await lab.node(standby).startKubelet();
          await untilNodeReady(lab, standby);
          await untilPlugInsReady(lab);
        },
      );
      await untilTold(lab, workloads.namespace, pod, "wrote");
      assert.deepEqual(await writerPod(workloads, "db-0"), pod);
      await assertNeverFailed(lab, workloads.namespace, pod);
      await movesWithItsRecords(workloads, "db-0");
      await assertSoundOnDisk(workloads, "db");
    }));
});

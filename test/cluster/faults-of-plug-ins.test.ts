import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { assertSoundOnDisk } from "./assert/sound-disk.ts";
import { driverLab } from "./driver-lab.ts";
import { drainReplica, untilReplica, withReplica } from "./faults/drain-replica.ts";
import { movesWithItsRecords } from "./faults/move-writer.ts";
import { untilPlugInsReady, writesOnWhilePlugInEnds } from "./faults/replace-plug-in.ts";
import { untilNodeReady } from "./node-ready.ts";
import { assertNeverFailed, untilSignalled, writerPod } from "./workload/record-writer.ts";

const HOME = "node-b";
const TWO_SHARES = "faults-two-shares";

describe("node plug-ins that end in a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
  });
  after(() => untilNothingIsLeft(lab));

  it("keeps a pod writing through plug-in restarts, upgrades and a replica's drain", () =>
    withReplica(
      lab,
      { namespace: "plug-in", storageClass: TWO_SHARES, home: HOME },
      async (workloads, pod) => {
        await writesOnWhilePlugInEnds(workloads, pod, "kubernetes");

        const replica = await drainReplica(workloads, pod);
        await lab.kubectl(["delete", "node", replica]);
        await thenCleanUp(
          () => untilReplica(workloads, pod, (nodeName) => nodeName !== replica),
          async () => {
            // On start the kubelet registers the node again, and without the cordon.
            await lab.node(replica).stopKubelet();
            await lab.node(replica).startKubelet();
            await untilNodeReady(lab, replica);
            await untilPlugInsReady(lab);
          },
        );
        await untilSignalled(lab, workloads.namespace, pod, "wrote");
        assert.deepEqual(await writerPod(workloads, "db-0"), pod);
        await assertNeverFailed(lab, workloads.namespace, pod);
        await movesWithItsRecords(workloads, "db-0");
        await assertSoundOnDisk(workloads, "db");
      },
    ));
});

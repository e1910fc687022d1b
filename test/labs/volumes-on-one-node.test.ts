import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { azureCallsFromNow } from "../cluster/assert/azure-journal.ts";
import { untilNothingIsLeft } from "../cluster/assert/nothing-left.ts";
import { withAttachLatency } from "../cluster/faults/attach-latency.ts";
import { aClaim, aPod, manifestOf } from "../cluster/workload/volume-manifests.ts";
import { withWorkloads } from "../cluster/workload/workloads.ts";
import { scaleSetLab, SINGLE, VM } from "./scale-set-lab.ts";

const DISKS = 30;
/** One update for each disk would be 30. */
const UPDATES_MAX = 10;
/**
 * In Azure's time: one update takes as long as Kubernetes' components on a busy machine take to request all
 * disks. Otherwise the number of updates would depend on them.
 */
const SLOW_ATTACH = { medianMs: 200_000, p99Ms: 200_000, perDiskMs: 0 };
const READY_MAX_MS = 300_000;
const GONE_MAX_MS = 240_000;

describe("many disks of one pod", { skip: (await reasonAgainstLab()) ?? false }, () => {
  let lab: Lab;
  before(async () => {
    lab = await scaleSetLab();
  });
  after(() => untilNothingIsLeft(lab));

  it(`has ${DISKS} disks attached in a few updates, each at its own mount, twice`, () =>
    withAttachLatency(lab, SLOW_ATTACH, () =>
      withWorkloads(lab, "many-disks", async (workloads) => {
        const claims = Array.from({ length: DISKS }, (_, index) => `disk-${index}`);
        const calls = await azureCallsFromNow(lab);
        const storageClass = "managed-csi";
        await workloads.apply(
          manifestOf(...claims.map((name) => aClaim({ name, storageClass })), podOf("first", claims)),
        );
        await workloads.untilReady("first", READY_MAX_MS);
        const updates = (await calls.vmWrites()).length;
        console.log(`${DISKS} disks were attached in ${updates} updates of the VM`);
        assert.ok(updates <= UPDATES_MAX, `${updates} updates`);
        await workloads.inPod("first", "for disk in /disk-*; do echo $disk > $disk/name; done; sync");

        await workloads.kubectl(["delete", "pod/first", `--timeout=${GONE_MAX_MS}ms`], {
          timeoutMs: 2 * GONE_MAX_MS,
        });
        await workloads.apply(manifestOf(podOf("second", claims)));
        await workloads.untilReady("second", READY_MAX_MS);
        const names = await workloads.inPod(
          "second",
          "for disk in /disk-*; do echo $disk $(cat $disk/name); done",
        );
        assert.deepEqual(
          names.split("\n").toSorted(),
          claims.map((claim) => `/${claim} /${claim}`).toSorted(),
          "no disk is at another's mount",
        );

        const more = Array.from({ length: VM.disks - DISKS + 1 }, (_, index) => `more-${index}`);
        await workloads.apply(
          manifestOf(...more.map((name) => aClaim({ name, storageClass })), podOf("too-many", more)),
        );
        await workloads.untilEvent("Pod", "too-many", /^FailedScheduling: .*exceed max volume count/u);
      }),
    ));
});

/** A pod on one node with each claim at a path of its name. */
function podOf(name: string, claims: readonly string[]): object {
  return aPod({ name, nodeName: SINGLE, mounts: claims.map((claim) => ({ claim, path: `/${claim}` })) });
}

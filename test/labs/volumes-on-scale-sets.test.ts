import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { stopLab } from "../../testbed/lab/stop-lab.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { azureCallsFromNow } from "../cluster/assert/azure-journal.ts";
import { untilNothingIsLeft } from "../cluster/assert/nothing-left.ts";
import { assertSoundOnDisk } from "../cluster/assert/sound-disk.ts";
import { backInService, cutOffFirst, untilOutOfQuarantine } from "../cluster/faults/lose-node.ts";
import { movesWithItsRecords } from "../cluster/faults/move-writer.ts";
import { takeOutOfService } from "../cluster/faults/take-out-of-service.ts";
import {
  assertRecordsKept,
  startWriter,
  untilSignalled,
  type WriterPod,
  writerPod,
} from "../cluster/workload/record-writer.ts";
import { aClaim, aClass, aPod, manifestOf } from "../cluster/workload/volume-manifests.ts";
import {
  attachmentsOf,
  withClusterObjects,
  type Workloads,
  withWorkloads,
} from "../cluster/workload/workloads.ts";
import {
  ALSO_IN_SET,
  FLEXIBLE,
  IN_SET,
  SCALE_SET_LAB,
  scaleSetLab,
  SINGLE,
  UNIFORM,
} from "./scale-set-lab.ts";

const CLONE = fileURLToPath(new URL("../..", import.meta.url));
const COMPUTE_OF = "/providers/Microsoft.Compute";
const TWO_SHARES = aClass({
  name: "two-shares",
  parameters: { skuName: "Premium_LRS", maxShares: "2" },
  volumeBindingMode: "WaitForFirstConsumer",
});
const RECORDS = 5;
/** The scheduler's reason where the PersistentVolume is not reachable from a node. */
const UNSCHEDULABLE = /^FailedScheduling: .*didn't match PersistentVolume's node affinity/u;
const ATTACHED_MAX_MS = 240_000;

describe(
  "volumes on scale sets and in an availability set",
  { skip: (await reasonAgainstLab()) ?? false },
  () => {
    const { signal } = new AbortController();
    let lab: Lab;
    before(async () => {
      lab = await scaleSetLab();
    });
    after(() =>
      thenCleanUp(
        () => untilNothingIsLeft(lab),
        async () => {
          await stopLab(SCALE_SET_LAB, { clone: CLONE });
        },
      ),
    );

    it("have Nodes with each kind of VM's id, each kind in a resource group of its own", async () => {
      const ids = await lab.kubectl(["get", "nodes", "--output=jsonpath={.items[*].spec.providerID}"]);
      const groups = `azure:///subscriptions/${lab.azure.subscriptionId}/resourceGroups`;
      assert.deepEqual(ids.split(" "), [
        `${groups}/lab-uniform${COMPUTE_OF}/virtualMachineScaleSets/aks-uniform-vmss/virtualMachines/0`,
        `${groups}/lab-flex${COMPUTE_OF}/virtualMachines/aks-flex-vmss_00000001`,
        `${groups}/lab${COMPUTE_OF}/virtualMachines/vm_node-c`,
        `${groups}/lab-avset${COMPUTE_OF}/virtualMachines/vm_node-d`,
        `${groups}/lab-avset${COMPUTE_OF}/virtualMachines/vm_node-e`,
      ]);
    });

    it("move from a uniform instance to a flexible one, a VM and back, with their data", () =>
      withWorkloads(lab, "kinds", async (workloads) => {
        const first = await startWriter(workloads, {
          name: "db",
          storageClass: "managed-csi",
          home: UNIFORM,
        });
        assert.equal(first.nodeName, UNIFORM);
        for (const to of [FLEXIBLE, SINGLE, UNIFORM]) {
          const { nodeName } = await movesWithItsRecords(workloads, "db-0", { to });
          assert.equal(nodeName, to);
        }
        // Azure names an instance as the owner of a disk in another way than the instance itself.
        assert.equal(
          await ownerOf(workloads, "data-db-0"),
          lab.azure.vmId(UNIFORM).replace(/\/0$/u, "/aks-uniform-vmss_0"),
        );
        await assertSoundOnDisk(workloads, "db");
      }));

    it("have no zone in an availability set, and move within it alone, with their data", () =>
      withWorkloads(lab, "availability-set", async (workloads) => {
        const first = await startWriter(workloads, { name: "db", storageClass: "managed-csi", home: IN_SET });
        assert.equal(first.nodeName, IN_SET);
        const { status } = await workloads.volumeOf("data-db-0");
        assert.deepEqual(status?.detail?.zones, []);
        await movesWithItsRecords(workloads, "db-0", { to: ALSO_IN_SET });
        await movesWithItsRecords(workloads, "db-0", { to: IN_SET });
        await assertSoundOnDisk(workloads, "db");

        await workloads.apply(manifestOf(aClaim({ name: "zonal", storageClass: "managed-csi" })));
        await workloads.apply(manifestOf(podWith("zonal", "zonal", SINGLE)));
        await workloads.untilReady("zonal");
        await workloads.kubectl(["delete", "pod/zonal"]);
        for (const [name, claim, nodeName] of [
          ["zonal-disk-in-set", "zonal", IN_SET],
          ["regional-disk-in-zone", "data-db-0", SINGLE],
        ] as const) {
          await workloads.apply(manifestOf(podWith(name, claim, nodeName)));
          await workloads.untilEvent("Pod", name, UNSCHEDULABLE);
          await workloads.kubectl(["delete", `pod/${name}`]);
        }
      }));

    it("leave no disk on a drained node, so that it can be upgraded, and come back", () =>
      withWorkloads(lab, "upgrade", (workloads) =>
        withClusterObjects(lab, manifestOf(TWO_SHARES), async () => {
          const pod = await startWithReplica(workloads, SINGLE);
          const replica = await untilReplicaAttached(workloads, "data-db-0");
          await lab.kubectl(["drain", replica, "--ignore-daemonsets", "--delete-emptydir-data", "--force"], {
            timeoutMs: ATTACHED_MAX_MS,
          });
          await thenCleanUp(
            async () => {
              await waitUntil(`${replica} to have no disks`, { timeoutMs: ATTACHED_MAX_MS }, async () =>
                (await dataDisksOf(lab, replica)).length === 0 ? true : undefined,
              );
              const other = await untilReplicaAttached(workloads, "data-db-0");
              assert.ok(other !== replica && other !== pod.nodeName, "another node takes its place");
            },
            async () => {
              await lab.kubectl(["uncordon", replica]);
            },
          );
          assert.equal((await writerPod(workloads, "db-0")).uid, pod.uid, "the pod has written all the time");
          await assertRecordsKept(workloads, "db-0", [pod]);
        }),
      ));

    for (const { what, dead, update, vmName, takers } of [
      {
        what: "uniform instance",
        dead: UNIFORM,
        update: "VirtualMachineScaleSetVMs_Update",
        vmName: "aks-uniform-vmss_0",
        takers: [FLEXIBLE, SINGLE],
      },
      {
        what: "VM of an availability set",
        dead: IN_SET,
        update: "VirtualMachines_Update",
        vmName: "vm_node-d",
        takers: [ALSO_IN_SET],
      },
    ] as const)
      it(`fail over to a replica off a dead ${what}, after a fence with proof`, () =>
        withWorkloads(lab, `${dead}-dies`, (workloads) =>
          withClusterObjects(lab, manifestOf(TWO_SHARES), async () => {
            const pod = await startWithReplica(workloads, dead);
            assert.equal(pod.nodeName, dead);
            const replica = await untilReplicaAttached(workloads, "data-db-0");
            assert.ok(
              takers.some((taker) => taker === replica),
              `${replica} has the replica`,
            );
            await untilSignalled(lab, workloads.namespace, pod, "wrote", RECORDS);
            const calls = await azureCallsFromNow(lab);
            await lab.node(dead).kill();
            await thenCleanUp(
              async () => {
                const startMs = performance.now();
                await takeOutOfService(workloads, dead, ["db-0"]);
                await workloads.untilReady("db-0");
                console.log(
                  `Ready ${Math.round(performance.now() - startMs)} ms after the out-of-service taint`,
                );
                const successor = await writerPod(workloads, "db-0");
                assert.equal(successor.nodeName, replica, "the extender steers the pod to the replica");
                await untilSignalled(lab, workloads.namespace, successor, "wrote", RECORDS);
                const [, told = []] = await assertRecordsKept(workloads, "db-0", [pod, successor]);
                const firstWroteAtMs = told.find(({ outcome }) => outcome === "wrote")?.atMs ?? 0;

                const diskUri = (await workloads.volumeOf("data-db-0")).status?.detail?.diskUri ?? "";
                await cutOffFirst(
                  calls,
                  [{ diskUri, formerVmId: lab.azure.vmId(dead), firstWroteAtMs }],
                  update,
                );
                const written = (await calls.vmWrites()).filter(({ path }) =>
                  isSameResourceUri(path, lab.azure.vmId(replica)),
                );
                assert.deepEqual(written, [], "nothing is attached where the replica is");
                await workloads.untilEvent(
                  "Pod",
                  "db-0",
                  new RegExp(`^Fenced: ${dead} is proven to be off the disk: .*${vmName}`, "u"),
                );
              },
              async () => {
                await lab.node(dead).start(signal);
                await backInService(lab, dead);
              },
            );
            await untilOutOfQuarantine(workloads, "data-db-0", dead);
            await assertSoundOnDisk(workloads, "db");
          }),
        ));
  },
);

/** A pod on this node that writes to a volume with a replica, and is scheduled by the extender. */
function startWithReplica(workloads: Workloads, home: string): Promise<WriterPod> {
  return startWriter(workloads, {
    name: "db",
    storageClass: "two-shares",
    home,
    schedulerName: "csi-azuredisk-scheduler-extender",
  });
}

/** A pod that has a claim and may run on one node only. */
function podWith(name: string, claim: string, nodeName: string): object {
  return aPod({ name, nodeName, mounts: [{ claim, path: "/data" }] });
}

/** The VM that Azure names as the one that has a claim's disk. */
async function ownerOf({ lab, volumeOf }: Workloads, claim: string): Promise<string | undefined> {
  const diskUri = (await volumeOf(claim)).status?.detail?.diskUri ?? "";
  const disk = await lab.azure.call("GET", `${diskUri}?api-version=2025-01-02`);
  return (disk as { readonly managedBy?: string }).managedBy;
}

/** The data disks of a node's VM, by Azure. */
async function dataDisksOf(lab: Lab, nodeName: string): Promise<readonly unknown[]> {
  const vm = await lab.azure.call("GET", `${lab.azure.vmId(nodeName)}?api-version=2025-04-01`);
  const { properties } = vm as {
    readonly properties?: { readonly storageProfile?: { readonly dataDisks?: readonly unknown[] } };
  };
  return properties?.storageProfile?.dataDisks ?? [];
}

/** Waits until a claim's volume has a replica, and returns its node. */
async function untilReplicaAttached({ lab, volumeOf }: Workloads, claim: string): Promise<string> {
  const volumeName = (await volumeOf(claim)).metadata.name;
  return waitUntil(`${claim} to have a replica`, { timeoutMs: ATTACHED_MAX_MS }, async () => {
    const attachments = [...(await attachmentsOf(lab, volumeName)).values()];
    return attachments.find(({ spec, status }) => spec.role === "Replica" && status?.state === "Attached")
      ?.spec.nodeName;
  });
}

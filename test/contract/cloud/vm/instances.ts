import assert from "node:assert/strict";
import { describe } from "node:test";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { putVm } from "../../../../src/emulator/model/world.ts";
import {
  addDisk,
  addVm,
  callsOf,
  diskUri,
  factsOf,
  failureOf,
  never,
  vmAt,
} from "../../worlds/cloud-bench.ts";
import { type On, attach } from "../cloud-suite.ts";

/** VMs and instances of scale sets: found, inspected and proven gone. */
export function instancesContract(on: On): void {
  describe("instances", () => {
    on("shows a VM with its disks and power", async (cloud) => {
      const node = addVm(cloud, "node-a", { zone: "1", size: "Standard_D2s_v6" });
      const uri = await addDisk(cloud, "pvc-1", { zone: "1" });
      await attach(cloud, uri, node);
      assert.deepEqual(
        valueOf(
          await cloud.run(
            cloud.provisioner.inspectInstance(
              { nodeName: "node-a", instanceUri: cloud.vms.uri("node-a") },
              never,
            ),
          ),
        ),
        {
          nodeName: "node-a",
          instanceUri: cloud.vms.uri("node-a"),
          vmId: node.vmId,
          location: "eastus",
          zone: "1",
          vmSize: "Standard_D2s_v6",
          powerState: "running",
          busType: "NVMe",
          dataDisksMax: 8,
          dataDisks: [{ diskUri: uri, lun: 0, beingDetached: false }],
        },
      );
    });

    on("knows a VM's disk limit although Azure does not list its size", async (cloud) => {
      const node = addVm(cloud, "node-a", { size: "Standard_D2s_v6" });
      cloud.model.faults.add({
        operation: "ResourceSkus_List",
        effect: { kind: "Error", status: 503, code: "ServiceUnavailable" },
      });
      assert.equal(
        valueOf(
          await cloud.run(
            cloud.provisioner.inspectInstance(
              { nodeName: "node-a", instanceUri: cloud.vms.uri("node-a") },
              never,
            ),
          ),
        ).dataDisksMax,
        8,
      );
      assert.equal(await attach(cloud, await addDisk(cloud, "pvc-1"), node), 0);
      assert.equal(callsOf(cloud, "ResourceSkus_List").length, 1, "it does not ask again");
    });

    on("answers how many disks Azure lists for a size, and nothing of one that it doesn't", async (cloud) => {
      const listed = (vmSize: string): Promise<number | undefined> =>
        cloud.run(cloud.provisioner.dataDisksMax({ vmSize, location: "eastus" }));
      assert.deepEqual(
        [await listed("standard_d8S_v6"), await listed("Standard_Z9_v1"), await listed("Standard_D2s_v6")],
        [24, undefined, 8],
      );
      assert.equal(callsOf(cloud, "ResourceSkus_List").length, 1, "one list answers all");
    });

    on("tells of no size where the role may not list them", async (cloud) => {
      const { settings } = cloud.model.world;
      cloud.model.world.settings = { ...settings, deniedActions: ["Microsoft.Compute/skus/read"] };
      const vm = { vmSize: "Standard_D8s_v6", location: "eastus" };
      assert.equal(await cloud.run(cloud.provisioner.dataDisksMax(vm)), undefined);
    });

    for (const { power, hibernated, expected } of [
      { power: "stopped", hibernated: false, expected: "stopped" },
      { power: "deallocated", hibernated: false, expected: "deallocated" },
      { power: "deallocated", hibernated: true, expected: "hibernated" },
      { power: "deallocating", hibernated: false, expected: "changing" },
    ] as const) {
      on(
        `reports a VM as ${expected} that is ${power}${hibernated ? " with its memory kept" : ""}`,
        async (cloud) => {
          addVm(cloud, "node-a");
          putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), power, hibernated });
          assert.equal(
            valueOf(
              await cloud.run(
                cloud.provisioner.inspectInstance(
                  { nodeName: "node-a", instanceUri: cloud.vms.uri("node-a") },
                  never,
                ),
              ),
            ).powerState,
            expected,
          );
        },
      );
    }

    on("names the missing VM", async (cloud) => {
      assert.deepEqual(
        factsOf(
          failureOf(
            await cloud.run(
              cloud.provisioner.inspectInstance(
                { nodeName: "node-x", instanceUri: cloud.vms.uri("node-x") },
                never,
              ),
            ),
          ),
        ),
        {
          kind: "InstanceNotFound",
          nodeName: "node-x",
        },
      );
    });

    on("finds a VM by its resource id, whatever the name of its node", async (cloud) => {
      addVm(cloud, "node-a");
      const inspect = (instanceUri: string) =>
        cloud.run(cloud.provisioner.inspectInstance({ nodeName: "gone", instanceUri }, never));
      assert.equal(valueOf(await inspect(cloud.vms.uri("node-a"))).instanceUri, cloud.vms.uri("node-a"));
      assert.equal(failureOf(await inspect(cloud.vms.uri("gone"))).kind, "InstanceNotFound");
      // Without its resource group the VM's existence is unknown.
      cloud.model.faults.add({
        operation: cloud.vms.operation("Get"),
        effect: { kind: "Error", status: 404, code: "ResourceGroupNotFound" },
      });
      assert.notEqual(failureOf(await inspect(cloud.vms.uri("node-a"))).kind, "InstanceNotFound");
      for (const instanceUri of [
        diskUri("pvc-1"),
        "",
        cloud.vms.uri("node-a").replace(/subscriptions\/[^/]+/u, "subscriptions/another"),
      ])
        assert.equal(failureOf(await inspect(instanceUri)).kind, "InstanceUnknown");
    });
  });
}

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { placeOf } from "../../src/core/volume/parameters/snapshot-parameters.ts";
import type { CreateSnapshotRequest } from "../../src/ports/cloud/snapshot-provisioner.ts";
import {
  type AzureCloudProvisioner,
  createAzureCloudProvisioner,
} from "../../src/provisioner/azure-cloud-provisioner.ts";
import { aDiskRequest, failureOf, mayAlways, never } from "../contract/worlds/cloud-bench.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID, TENANT_ID } from "../emulator/azure-fixture.ts";

const EDGE = { name: "losangeles", type: "EdgeZone" };
const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;

describe("an edge zone of azure.json, by Azure's SDK", () => {
  let azure: AzureFixture;
  const lifetime = new AbortController();
  const opened: AzureCloudProvisioner[] = [];
  before(async () => {
    azure = await startAzure({
      virtualMachines: [{ name: "vm-edge", edgeZone: EDGE.name }, { name: "vm-region" }],
    });
  });
  after(async () => {
    lifetime.abort(new Error("closed"));
    await Promise.all(opened.map((each) => each.drained()));
    await azure.close();
  });

  function provisioner(config: Partial<AzureConfig>): AzureCloudProvisioner {
    const connected = connectAzure({
      config: {
        tenantId: TENANT_ID,
        aadClientId: "driver",
        aadClientSecret: "secret",
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: "rg",
        location: "eastus",
        resourceManagerEndpoint: azure.emulator.url,
        ...config,
      },
      environment: { AZURE_AUTHORITY_HOST: azure.emulator.url },
      caPem: azure.emulator.caPem,
      clock: systemClock,
    });
    assert.ok(connected.ok, JSON.stringify(connected));
    const made = createAzureCloudProvisioner({
      ...connected.value,
      clock: systemClock,
      random: systemRandom,
      lifetime: lifetime.signal,
    });
    opened.push(made);
    return made;
  }

  const inEdgeZone = (): AzureCloudProvisioner =>
    provisioner({ extendedLocationName: EDGE.name, extendedLocationType: "edgezone" });

  function aSnapshot(
    name: string,
    source: string,
    { location = "eastus", edgeZone = EDGE.name }: { location?: string; edgeZone?: string } = {},
  ): CreateSnapshotRequest {
    return {
      ...(edgeZone === "" ? {} : { edgeZone }),
      snapshotUri: `${COMPUTE}/snapshots/${name}`,
      sourceUri: `${COMPUTE}/${source}`,
      location,
      isIncremental: true,
      tags: {},
      networkAccessPolicy: "DenyAll",
      publicNetworkAccess: "Disabled",
      dataAccessAuthMode: undefined,
      instantAccessMinutes: undefined,
      userAgent: undefined,
      objection: () => undefined,
      note: undefined,
    };
  }

  function nodeOn(vm: string): NodeIdentity {
    const instanceUri = `${COMPUTE}/virtualMachines/${vm}`;
    const found = [...azure.emulator.model.world.virtualMachines.values()].find(({ name }) => name === vm);
    return { nodeName: vm, vmId: found?.vmGuid ?? "", instanceUri };
  }

  const attach = (cloud: AzureCloudProvisioner, name: string, vm: string) =>
    cloud.attachDisk(
      {
        diskUri: `${COMPUTE}/disks/${name}`,
        node: nodeOn(vm),
        cachingMode: "None",
        lane: "primaryAttach",
        precondition: mayAlways,
      },
      never,
    );

  it("is on each disk, snapshot and copy, which its VMs can have", async () => {
    const cloud = inEdgeZone();
    valueOf(await cloud.createDisk(aDiskRequest({ diskName: "pvc-1" }), never));
    valueOf(await cloud.createSnapshot(aSnapshot("snap-1", "disks/pvc-1"), never));
    for (const [diskName, source] of [
      ["restored", "snapshots/snap-1"],
      ["clone", "disks/pvc-1"],
    ] as const)
      valueOf(await cloud.createDisk(aDiskRequest({ diskName, sourceUri: `${COMPUTE}/${source}` }), never));
    for (const name of ["pvc-1", "restored", "clone"])
      assert.deepEqual((await azure.client.disks.get("rg", name)).extendedLocation, EDGE, name);
    assert.deepEqual((await azure.client.snapshots.get("rg", "snap-1")).extendedLocation, EDGE);
    valueOf(await attach(cloud, "restored", "vm-edge"));
    const refused = failureOf(await attach(cloud, "clone", "vm-region"));
    assert.equal(refused.kind, "CloudRejected");
    assert.match(JSON.stringify(refused), /not in the same extended location/u);
  });

  it("is on no disk of another region, and on no copy in one", async () => {
    const cloud = inEdgeZone();
    const facts = valueOf(
      await cloud.createDisk(aDiskRequest({ diskName: "afar", location: "westus" }), never),
    );
    assert.equal(facts.location, "westus");
    valueOf(await cloud.createDisk(aDiskRequest({ diskName: "pvc-2" }), never));
    valueOf(await cloud.createSnapshot(aSnapshot("snap-2", "disks/pvc-2"), never));
    valueOf(
      await cloud.createSnapshot(
        aSnapshot("copy-2", "snapshots/snap-2", { location: "westus", edgeZone: "" }),
        never,
      ),
    );
    assert.equal((await azure.client.disks.get("rg", "afar")).extendedLocation, undefined);
    assert.equal((await azure.client.snapshots.get("rg", "copy-2")).extendedLocation, undefined);
  });

  it("is on the snapshots of its disks, whatever azure.json names, and on no others", async () => {
    const [region, edge] = [provisioner({}), inEdgeZone()];
    for (const [name, maker, other, edgeZone] of [
      ["db-of-region", region, edge, undefined],
      ["db-of-edge", edge, region, EDGE.name],
    ] as const) {
      const disk = valueOf(await maker.createDisk(aDiskRequest({ diskName: name }), never));
      assert.equal(disk.edgeZone, edgeZone);
      const request = aSnapshot(name, `disks/${name}`, { edgeZone: "", ...placeOf(disk) });
      const made = valueOf(await other.createSnapshot(request, never));
      assert.equal(made.edgeZone, edgeZone);
    }
  });

  it("refuses a disk of the name in another place, and leaves it as it is", async () => {
    const [region, edge] = [provisioner({}), inEdgeZone()];
    for (const [diskName, maker, other, difference] of [
      ["of-region", region, edge, "edge zone is none, not losangeles"],
      ["of-edge", edge, region, "edge zone is losangeles, not none"],
    ] as const) {
      valueOf(await maker.createDisk(aDiskRequest({ diskName }), never));
      assert.deepEqual(failureOf(await other.createDisk(aDiskRequest({ diskName }), never)), {
        kind: "VolumeExistsWithOtherRequest",
        volumeName: diskName,
        difference,
      });
      valueOf(await maker.createDisk(aDiskRequest({ diskName }), never));
    }
  });
});

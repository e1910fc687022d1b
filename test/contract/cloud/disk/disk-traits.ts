import assert from "node:assert/strict";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import type { CachingMode } from "../../../../src/core/volume/disk-sku.ts";
import type { Json } from "../../../../src/emulator/model/api/json.ts";
import { findVm } from "../../../../src/emulator/model/world.ts";
import type { CreateDiskRequest } from "../../../../src/ports/cloud/cloud-provisioner.ts";
import {
  type CloudUnderTest,
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  aDiskRequest,
  addDisk,
  addVm,
  diskUri,
  failureOf,
  mayAlways,
  never,
} from "../../worlds/cloud-bench.ts";
import type { On } from "../cloud-suite.ts";

const linkedId = (group: string, name: string): string =>
  `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${group}/providers/Microsoft.Compute/${name}`;
const KEYS = linkedId(RESOURCE_GROUP, "diskEncryptionSets/keys");
const ACCESS = linkedId(RESOURCE_GROUP, "diskAccesses/access");
/** As a disk shows them: recorded with the group in upper case. */
const SHOWN_KEYS = linkedId(RESOURCE_GROUP.toUpperCase(), "diskEncryptionSets/keys");
const SHOWN_ACCESS = linkedId(RESOURCE_GROUP.toUpperCase(), "diskAccesses/access");

type Properties = Readonly<Record<string, unknown>>;

/** The disk's properties as Azure's GET has them. */
function propertiesOf(cloud: CloudUnderTest): Properties {
  const { body } = cloud.model.handle({
    method: "GET",
    path: diskUri("pvc-1"),
    query: { "api-version": "2025-01-02" },
  });
  return (JSON.parse(JSON.stringify(body)) as { readonly properties: Properties }).properties;
}

const made: readonly {
  readonly because: string;
  readonly request: Partial<CreateDiskRequest>;
  readonly properties: Properties;
}[] = [
  {
    because: "no client exports it",
    request: { networkAccessPolicy: "DenyAll", publicNetworkAccess: "Disabled" },
    properties: { networkAccessPolicy: "DenyAll", publicNetworkAccess: "Disabled" },
  },
  {
    because: "a private endpoint exports it",
    request: { networkAccessPolicy: "AllowPrivate", diskAccessId: ACCESS },
    properties: { networkAccessPolicy: "AllowPrivate", diskAccessId: SHOWN_ACCESS },
  },
  {
    because: "it has IOPS, throughput and sectors of its own",
    request: {
      skuName: "PremiumV2_LRS",
      diskIOPSReadWrite: 5000,
      diskMBpsReadWrite: 400,
      logicalSectorSize: 512,
    },
    properties: {
      diskIOPSReadWrite: 5000,
      diskMBpsReadWrite: 400,
      creationData: { createOption: "Empty", logicalSectorSize: 512 },
    },
  },
  {
    because: "it bursts on demand and moves often",
    request: { sizeGiB: 513, burstingEnabled: true, optimizedForFrequentAttach: true },
    properties: { burstingEnabled: true, optimizedForFrequentAttach: true },
  },
  {
    because: "it has performance plus",
    request: { sizeGiB: 513, performancePlus: true },
    properties: { creationData: { createOption: "Empty", performancePlus: true } },
  },
  {
    because: "its key is a customer's",
    request: { diskEncryptionSetId: KEYS },
    properties: { encryption: { diskEncryptionSetId: SHOWN_KEYS, type: "EncryptionAtRestWithCustomerKey" } },
  },
  {
    because: "it has two keys",
    request: { diskEncryptionSetId: KEYS, encryptionType: "EncryptionAtRestWithPlatformAndCustomerKeys" },
    properties: {
      encryption: { diskEncryptionSetId: SHOWN_KEYS, type: "EncryptionAtRestWithPlatformAndCustomerKeys" },
    },
  },
];

/** The keys and the access resource that an owner has made, for disks to name. */
async function addLinkedResources(cloud: CloudUnderTest): Promise<void> {
  const put = (path: string, body: Json): void => {
    const query = { "api-version": "2025-01-02" };
    assert.equal(cloud.model.handle({ method: "PUT", path, query, body, caller: "owner" }).status, 202);
  };
  const activeKey = { keyUrl: "https://vault.vault.azure.net/keys/key/1" };
  put(KEYS, { location: LOCATION, identity: { type: "SystemAssigned" }, properties: { activeKey } });
  put(ACCESS, { location: LOCATION });
  await cloud.until(() =>
    [...cloud.model.world.linkedResources.values()].every(
      ({ provisioningState }) => provisioningState === "Succeeded",
    ),
  );
}

const refused: readonly {
  readonly because: string;
  readonly request: Partial<CreateDiskRequest>;
  readonly code: string;
}[] = [
  {
    because: "AllowPrivate without an access resource",
    request: { networkAccessPolicy: "AllowPrivate" },
    code: "InvalidParameter",
  },
  {
    because: "IOPS out of the SKU's range",
    request: { skuName: "PremiumV2_LRS", diskIOPSReadWrite: 90_000 },
    code: "InvalidArgument",
  },
  { because: "keys that do not exist", request: { diskEncryptionSetId: KEYS }, code: "NotFound" },
  {
    because: "an access resource that does not exist",
    request: { networkAccessPolicy: "AllowPrivate", diskAccessId: ACCESS },
    code: "NotFound",
  },
  {
    because: "bursting of a small disk",
    request: { burstingEnabled: true },
    code: "InvalidParameter",
  },
];

const accelerated: readonly {
  readonly because: string;
  readonly size: string;
  readonly disk: Partial<CreateDiskRequest>;
  readonly cachingMode: CachingMode;
  readonly code: string | undefined;
}[] = [
  { because: "of the M series", size: "Standard_M64s", disk: {}, cachingMode: "ReadOnly", code: undefined },
  {
    because: "of another series",
    size: "Standard_D8s_v5",
    disk: {},
    cachingMode: "None",
    code: "InvalidParameter",
  },
  {
    because: "with a disk of another SKU",
    size: "Standard_M64s",
    disk: { skuName: "StandardSSD_LRS" },
    cachingMode: "None",
    code: "InvalidParameter",
  },
  {
    because: "with a shared disk",
    size: "Standard_M64s",
    disk: { maxShares: 2 },
    cachingMode: "None",
    code: "InvalidParameter",
  },
  {
    because: "with a second cache of writes",
    size: "Standard_M64s",
    disk: {},
    cachingMode: "ReadWrite",
    code: "InvalidParameter",
  },
];

/** Declares the tests of the properties that a new disk is given, and of the attach by them. */
export function diskTraitsContract(on: On): void {
  for (const { because, request, properties } of made)
    on(`creates a disk as requested: ${because}`, async (cloud) => {
      await addLinkedResources(cloud);
      valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(request), never)));
      const present = propertiesOf(cloud);
      const shown = Object.fromEntries(Object.keys(properties).map((name) => [name, present[name]]));
      assert.deepEqual(shown, properties);
    });

  for (const { because, request, code } of refused)
    on(`passes Azure's refusal on: ${because}`, async (cloud) => {
      const failure = failureOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest(request), never)));
      assert.equal(failure.kind === "CloudRejected" ? failure.code : failure.kind, code);
    });

  on("creates a disk in the subscription that it serves, and in no other", async (cloud) => {
    const own = aDiskRequest({ subscriptionId: SUBSCRIPTION_ID.toUpperCase() });
    valueOf(await cloud.run(cloud.provisioner.createDisk(own, never)));
    const subscriptionId = "00000000-0000-0000-0000-000000000002";
    const other = aDiskRequest({ diskName: "pvc-2", subscriptionId });
    const failure = failureOf(await cloud.run(cloud.provisioner.createDisk(other, never)));
    assert.ok(failure.kind === "InvalidArgument");
    assert.deepEqual([failure.field, failure.value], ["parameters.subscriptionID", subscriptionId]);
    assert.ok(failure.problem.includes(SUBSCRIPTION_ID));
  });

  for (const { because, size, disk, cachingMode, code } of accelerated)
    on(
      `${code === undefined ? "attaches" : "refuses"} with write accelerator to a VM ${because}`,
      async (cloud) => {
        await addDisk(cloud, "pvc-1", disk);
        const node = addVm(cloud, "node-a", { size });
        const attached = await cloud.run(
          cloud.provisioner.attachDisk(
            {
              diskUri: diskUri("pvc-1"),
              node,
              cachingMode,
              writeAccelerator: true,
              lane: "primaryAttach",
              precondition: mayAlways,
            },
            never,
          ),
        );
        const [entry] = findVm(cloud.model.world, cloud.vms.uri("node-a"))?.dataDisks ?? [];
        if (code === undefined) {
          assert.deepEqual([valueOf(attached), entry?.writeAcceleratorEnabled], [{ lun: 0 }, true]);
          return;
        }
        const failure = failureOf(attached);
        assert.equal(failure.kind === "CloudRejected" ? failure.code : failure.kind, code);
        assert.equal(entry, undefined);
      },
    );
}

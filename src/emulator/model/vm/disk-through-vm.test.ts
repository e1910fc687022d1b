import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Json, listAt, numberAt, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, dataDisksOf, diskBody, listBody } from "../testing/model-fixture.ts";

const VM = "virtualMachines/node-a";
const PVC = `${COMPUTE}/disks/pvc-1`;

/** `node-a` with a Premium_LRS disk of 128 GiB at LUN 0. */
function aVmWithDisk() {
  const azure = aModel();
  azure.finish("PUT", "disks/pvc-1", diskBody());
  azure.finish("PATCH", VM, listBody({ 0: "pvc-1" }));
  return azure;
}

describe("a change of a disk through its VM's list", () => {
  const grown: Record<string, Json> = { diskSizeGB: 256 };
  const moved: Record<string, Json> = { managedDisk: { id: PVC, storageAccountType: "StandardSSD_LRS" } };
  for (const { what, entry, before, expected } of [
    { what: "a size, while the VM runs", entry: grown, before: [], expected: [409, "Conflict"] },
    { what: "a size", entry: grown, before: ["deallocate"], expected: [400, "ResizeDiskError"] },
    { what: "a SKU", entry: moved, before: [], expected: [409, "OperationNotAllowed"] },
  ])
    for (const method of ["PUT", "PATCH"] as const)
      it(`is refused, and changes nothing: ${what} (${method})`, () => {
        const azure = aVmWithDisk();
        for (const action of before) azure.finish("POST", `${VM}/${action}`);
        const body = { location: "eastus", ...(listBody({ 0: "pvc-1" }, { "pvc-1": entry }) as object) };
        const { status, body: answer } = azure.send(method, VM, body);
        assert.deepEqual([status, codeOf(answer)], expected);
        azure.settle();
        const disk = azure.send("GET", "disks/pvc-1").body;
        assert.deepEqual(
          [numberAt(disk, "properties", "diskSizeGB"), textAt(disk, "sku", "name")],
          [128, "Premium_LRS"],
        );
      });

  // In Azure/SAP-on-Azure-Scripts-and-Utilities#144.
  it("is refused where the list has other IOPS or MB/s than the disk has since", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody({ sku: "PremiumV2_LRS" }));
    azure.finish("PATCH", VM, listBody({ 0: "pvc-1" }));
    for (const [member, before, since] of [
      ["diskIOPSReadWrite", 3000, 4000],
      ["diskMBpsReadWrite", 125, 200],
    ] as const) {
      const list = listBody({ 0: "pvc-1" }, { "pvc-1": { [member]: before } });
      assert.equal(azure.send("PATCH", VM, list).status, 200);
      azure.settle();
      azure.finish("PATCH", "disks/pvc-1", { properties: { [member]: since } });
      const { status, body } = azure.send("PATCH", VM, list);
      assert.deepEqual(
        [status, codeOf(body), textAt(body, "error", "target")],
        [409, "PropertyChangeNotAllowed", `dataDisk.${member}`],
      );
    }
  });

  it("names the disk to change instead", () => {
    const azure = aVmWithDisk();
    azure.finish("POST", `${VM}/deallocate`);
    const { body } = azure.send("PATCH", VM, listBody({ 0: "pvc-1" }, { "pvc-1": grown }));
    assert.equal(
      textAt(body, "error", "message"),
      "Managed disk resize via Virtual Machine 'node-a' is not allowed. " +
        `Please resize disk resource at ${PVC}.`,
    );
  });

  it("is none where a client puts back what it read, whatever its case", () => {
    const azure = aVmWithDisk();
    const read = azure.send("GET", VM).body;
    assert.equal(azure.send("PUT", VM, read).status, 200);
    azure.settle();
    const same = { managedDisk: { id: PVC, storageAccountType: "premium_lrs" }, diskSizeGB: 128 };
    assert.equal(azure.send("PATCH", VM, listBody({ 0: "pvc-1" }, { "pvc-1": same })).status, 200);
    azure.settle();
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1");
  });

  it("is one where the disk has changed since the client read its VM", () => {
    const azure = aVmWithDisk();
    const read = azure.send("GET", VM).body;
    azure.finish("PATCH", "disks/pvc-1", { properties: { diskSizeGB: 256 } });
    assert.equal(codeOf(azure.send("PUT", VM, read).body), "Conflict");
    const list = listAt(azure.send("GET", VM).body, "properties", "storageProfile", "dataDisks");
    assert.equal(numberAt(list?.[0], "diskSizeGB"), 256);
  });
});

describe("host caching of a disk that a VM has", () => {
  const rows: readonly (readonly [
    sku: string,
    properties: Record<string, Json>,
    code: string,
    message: string,
  ])[] = [
    [
      "PremiumV2_LRS",
      {},
      "InvalidParameter",
      "Storage Account type PremiumV2_LRS is not supported with caching type ReadOnly. Please use caching " +
        "type None.",
    ],
    [
      "Premium_LRS",
      { diskSizeGB: 1024, maxShares: 3 },
      "BadRequest",
      "Shared disk 'pvc-1' with maxShares 3 supports only Disk CachingType 'None'.",
    ],
    [
      "Premium_LRS",
      { diskSizeGB: 8192 },
      "InvalidParameter",
      "The value 'ReadOnly' of parameter 'dataDisk.caching' is not allowed for disk 'pvc-1': a disk larger " +
        "than 4095 GiB must use 'None'.",
    ],
  ];
  for (const [sku, properties, code, message] of rows)
    it(`stays None for ${sku} with ${JSON.stringify(properties)}`, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/pvc-1", diskBody({ sku, properties }));
      azure.finish("PATCH", VM, listBody({ 0: "pvc-1" }));
      const cached = listBody({ 0: "pvc-1" }, { "pvc-1": { caching: "ReadOnly" } });
      const { status, body } = azure.send("PATCH", VM, cached);
      assert.deepEqual([status, codeOf(body), textAt(body, "error", "message")], [400, code, message]);
      const [entry] = listAt(azure.send("GET", VM).body, "properties", "storageProfile", "dataDisks") ?? [];
      assert.equal(textAt(entry, "caching"), "None");
    });

  it("changes for another disk, without Write Accelerator", () => {
    const azure = aVmWithDisk();
    const accelerated = { caching: "ReadOnly", writeAcceleratorEnabled: true };
    const refused = azure.send("PATCH", VM, listBody({ 0: "pvc-1" }, { "pvc-1": accelerated }));
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "InvalidParameter"]);
    azure.finish("PATCH", VM, listBody({ 0: "pvc-1" }, { "pvc-1": { caching: "ReadOnly" } }));
    const [entry] = listAt(azure.send("GET", VM).body, "properties", "storageProfile", "dataDisks") ?? [];
    assert.equal(textAt(entry, "caching"), "ReadOnly");
  });
});

describe("a list that attaches a disk with another storageAccountType", () => {
  const skuOf = (azure: ReturnType<typeof aModel>): string | undefined =>
    textAt(azure.send("GET", "disks/pvc-1").body, "sku", "name");
  const asListed = (azure: ReturnType<typeof aModel>): string | undefined =>
    textAt(
      listAt(azure.send("GET", VM).body, "properties", "storageProfile", "dataDisks")?.[0],
      "managedDisk",
      "storageAccountType",
    );
  const listWith = (storageAccountType: string): Json =>
    listBody({ 0: "pvc-1" }, { "pvc-1": { managedDisk: { id: PVC, storageAccountType } } });

  it("changes the disk's SKU once it is attached, and can be repeated", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    assert.equal(azure.send("PATCH", VM, listWith("standardssd_lrs")).status, 200);
    assert.deepEqual([skuOf(azure), asListed(azure)], ["Premium_LRS", "StandardSSD_LRS"]);
    azure.settle();
    assert.deepEqual([skuOf(azure), asListed(azure)], ["StandardSSD_LRS", "StandardSSD_LRS"]);
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "sku", "tier"), "Standard");
    assert.equal(azure.send("PATCH", VM, listWith("StandardSSD_LRS")).status, 200);
    azure.settle();
    const back = azure.send("PATCH", VM, listWith("Premium_LRS"));
    assert.deepEqual([back.status, codeOf(back.body)], [409, "OperationNotAllowed"]);
  });

  it("counts as a change of the disk, of which there are two a day", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    for (const name of ["StandardSSD_LRS", "Standard_LRS"]) {
      assert.equal(azure.send("PATCH", VM, listWith(name)).status, 200);
      azure.settle();
      azure.finish("PATCH", VM, listBody({}));
    }
    const third = azure.send("PATCH", VM, listWith("Premium_LRS"));
    assert.equal(third.status, 409);
    assert.deepEqual([skuOf(azure), dataDisksOf(azure, "node-a")], ["Standard_LRS", ""]);
  });

  it("is refused where the disk could not become that, and changes nothing", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    for (const name of ["UltraSSD_LRS", "Premium_ZRS"]) {
      const { status } = azure.send("PATCH", VM, listWith(name));
      assert.ok(status === 400 || status === 409, `${name}: ${status}`);
    }
    azure.settle();
    assert.deepEqual([skuOf(azure), dataDisksOf(azure, "node-a")], ["Premium_LRS", ""]);
  });
});

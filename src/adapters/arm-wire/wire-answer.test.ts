import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { classOf } from "../../provisioner/arm/error-table.ts";
import {
  readDiskResource,
  readSku,
  readSnapshotResource,
  readVmResource,
  vmSizesAmong,
} from "./read-resources.ts";
import { startedFrom, statusFrom, valueFrom, type WireAnswer } from "./wire-answer.ts";

const answerWith = (body: unknown, statusCode = 200): WireAnswer => ({
  statusCode,
  headers: { "x-ms-request-id": "request-1" },
  body,
  atMs: 0,
});

const disk = {
  id: "/disk",
  name: "disk",
  location: "eastus",
  managedBy: null,
  sku: { name: "Premium_LRS" },
  tags: { a: null },
  properties: { provisioningState: "Succeeded", diskSizeGB: 4 },
};
const vm = {
  id: "/vm",
  properties: {
    provisioningState: "Succeeded",
    vmId: "00000000-0000-0000-0000-00000000000A",
    storageProfile: { dataDisks: [{ lun: 0 }] },
  },
};
const snapshot = { id: "/snapshot", properties: { provisioningState: "Succeeded", diskSizeGB: 4 } };

describe("an answer of ARM", () => {
  it("may leave out what is not there", () => {
    assert.equal(valueFrom(answerWith(disk), readDiskResource).result.ok, true);
    assert.equal(valueFrom(answerWith(vm), readVmResource).result.ok, true);
    assert.equal(valueFrom(answerWith(snapshot), readSnapshotResource).result.ok, true);
  });

  const withProperties = <R extends { readonly properties: object }>(
    resource: R,
    changes: object,
  ): object => ({
    ...resource,
    properties: { ...resource.properties, ...changes },
  });
  for (const { because, body, read, problem } of [
    {
      because: "a disk without id",
      body: { ...disk, id: undefined },
      read: readDiskResource,
      problem: "it has no id",
    },
    {
      because: "a disk in no state",
      body: withProperties(disk, { provisioningState: undefined }),
      read: readDiskResource,
      problem: "it has no provisioningState",
    },
    {
      because: "a disk whose owner is no text",
      body: { ...disk, managedBy: {} },
      read: readDiskResource,
      problem: "{} is no text",
    },
    {
      because: "a disk whose owners are no list",
      body: { ...disk, managedByExtended: "/vm" },
      read: readDiskResource,
      problem: '"/vm" is no list',
    },
    {
      because: "a disk whose tag is no text",
      body: { ...disk, tags: { a: 1 } },
      read: readDiskResource,
      problem: "1 is no text",
    },
    {
      because: "a snapshot of a part of a byte",
      body: withProperties(snapshot, { diskSizeBytes: 1.5 }),
      read: readSnapshotResource,
      problem: "1.5 is no count",
    },
    {
      because: "a snapshot of endless size",
      body: withProperties(snapshot, { diskSizeGB: JSON.parse("1e999") as unknown }),
      read: readSnapshotResource,
      problem: "null is no number",
    },
    {
      because: "a VM whose vmId is no GUID",
      body: withProperties(vm, { vmId: "another" }),
      read: readVmResource,
      problem: '"another" is no GUID',
    },
    {
      because: "a VM without a list of disks",
      body: withProperties(vm, { storageProfile: {} }),
      read: readVmResource,
      problem: "it has no dataDisks",
    },
    {
      because: "a VM with an entry that is null",
      body: withProperties(vm, { storageProfile: { dataDisks: [null] } }),
      read: readVmResource,
      problem: "it has no lun",
    },
    {
      because: "a VM with a disk whose id is no text",
      body: withProperties(vm, { storageProfile: { dataDisks: [{ lun: 0, managedDisk: { id: 5 } }] } }),
      read: readVmResource,
      problem: "5 is no text",
    },
  ] as const)
    it(`is none where it shows ${because}`, () => {
      const { result } = valueFrom(answerWith(body), read as (given: unknown) => unknown);
      assert.ok(!result.ok);
      const { code, message, requestId } = result.failure;
      assert.deepEqual(
        { class: classOf(result.failure), code, message, requestId },
        {
          class: "lost",
          code: "MalformedAnswer",
          message: `an answer of status 200 is not one of Azure's: ${problem}`,
          requestId: "request-1",
        },
      );
    });

  for (const { because, body, statusCode = 200, headers = {}, isUntold } of [
    { because: "that shows no resource", body: undefined, statusCode: 204, isUntold: false },
    { because: "that shows a resource that is done", body: vm, isUntold: false },
    {
      because: "that shows one at work",
      body: withProperties(vm, { provisioningState: "Updating" }),
      isUntold: true,
    },
    {
      because: "that shows one that failed",
      body: withProperties(vm, { provisioningState: "Failed" }),
      isUntold: true,
    },
    {
      because: "whose state is no text",
      body: withProperties(vm, { provisioningState: 5 }),
      isUntold: true,
    },
    {
      because: "that names its operation",
      body: withProperties(vm, { provisioningState: "Updating" }),
      headers: { "azure-asyncoperation": "https://azure.test/1" },
      isUntold: false,
    },
  ] as readonly {
    readonly because: string;
    readonly body: unknown;
    readonly statusCode?: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly isUntold: boolean;
  }[])
    it(`${because} ${isUntold ? "needs a read of the resource" : "needs none"}`, () => {
      const { result } = startedFrom({ ...answerWith(body, statusCode), headers }, "vm");
      assert.ok(result.ok);
      assert.equal(result.value.isUntold ?? false, isUntold);
    });

  it("whose page is a proxy's does not end an operation", () => {
    const operation = { pollUrl: "https://azure.test/1", kind: "disk", retryAfterMs: undefined } as const;
    const { result } = statusFrom(answerWith("<html>"), operation);
    assert.equal(result.ok ? result.value.state : classOf(result.failure), "lost");
  });

  it("with a disk that is malformed still ends its operation", () => {
    const operation = { pollUrl: "https://azure.test/1", kind: "disk", retryAfterMs: undefined } as const;
    const output = { ...disk, type: "Microsoft.Compute/disks", id: 5 };
    const { result } = statusFrom(answerWith({ status: "Succeeded", properties: { output } }), operation);
    assert.deepEqual(result, { ok: true, value: { state: "succeeded" } });
  });

  it("without ARM's error code is none", () => {
    for (const statusCode of [204, 302, 400, 404, 407, 418, 511, 520])
      for (const body of ["<html>", undefined, { error: "busy" }, { error: { code: 5, details: [null] } }]) {
        const { result } = valueFrom(answerWith(body, statusCode), readDiskResource);
        assert.equal(result.ok ? "ok" : classOf(result.failure), "lost", `${statusCode}`);
      }
  });

  it("with an endless error shows the beginning", () => {
    const text = "snapshot ".repeat(100_000);
    const error = {
      code: text,
      message: text,
      details: Array.from({ length: 100 }, () => ({ message: text })),
    };
    const { result } = valueFrom(answerWith({ error }, 400), readDiskResource);
    assert.ok(!result.ok);
    assert.equal(result.failure.message.length, 2000);
    assert.ok(JSON.stringify(result.failure).length < 50_000);
  });

  it("lists no size of VMs whose number of disks it does not state", () => {
    const sized = (value: unknown): unknown => ({
      resourceType: "virtualMachines",
      name: `size-${String(value)}`,
      capabilities: [{ name: "MaxDataDiskCount", value }],
    });
    const listed = ["8", "0", "-5", "many", undefined].map(sized).map(readSku);
    assert.deepEqual(vmSizesAmong({ result: { ok: true, value: listed }, remaining: [] }).result, {
      ok: true,
      value: [
        { name: "size-8", dataDisksMax: 8 },
        { name: "size-0", dataDisksMax: 0 },
      ],
    });
  });
});

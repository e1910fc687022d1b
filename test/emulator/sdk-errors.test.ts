import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  abandon,
  attachDisks,
  type AzureFixture,
  createDisk,
  type DataDisks,
  PATIENCE_MS,
  startAzure,
  untilAsked,
} from "./azure-fixture.ts";

type Refusal = readonly [
  because: string,
  call: () => PromiseLike<unknown>,
  statusCode: number,
  code: string,
  message: RegExp,
  target?: string,
];

describe("errors through the official SDK", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure({
      virtualMachines: [
        { name: "node-a", zone: "1", size: "Standard_D2s_v5" },
        { name: "node-b", zone: "2" },
      ],
    });
  });
  after(() => azure.close());

  /** The last response as sent. */
  let lastAnswer = "";
  let lastHeaders = new Map<string, string>();
  const fast = {
    updateIntervalInMs: 5,
    onResponse: (raw: {
      readonly bodyAsText?: string | null;
      readonly headers: Iterable<readonly [name: string, value: string]>;
    }): void => {
      lastAnswer = raw.bodyAsText ?? "";
      lastHeaders = new Map(raw.headers);
    },
  };
  const attach = (vm: string, entries: DataDisks): PromiseLike<unknown> =>
    attachDisks(azure, vm, entries, fast);

  it("carry status and code when the call itself is refused", async () => {
    const { client } = azure;
    const id = await createDisk(azure, "errors-1");
    const gone = "/subscriptions/[^/]+/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/none";
    const rows: readonly Refusal[] = [
      [
        "no such group",
        () => client.disks.get("none", "x"),
        404,
        "ResourceGroupNotFound",
        /^Resource group 'none' could not be found\.$/,
      ],
      [
        "no such disk",
        () => client.disks.get("rg", "none", fast),
        404,
        "ResourceNotFound",
        /^The Resource 'Microsoft.Compute\/disks\/none' under resource group 'rg' was not found\. .*aka\.ms\/ARMResourceNotFoundFix$/,
      ],
      [
        "no such VM to PATCH",
        () => client.virtualMachines.update("rg", "none", {}, fast),
        404,
        "PatchResourceNotFound",
        new RegExp(
          `^The resource '${gone}' was not found when evaluating policies for a PATCH operation\\.$`,
        ),
        "none",
      ],
      [
        "shrinks",
        () => client.disks.update("rg", "errors-1", { diskSizeGB: 1 }, fast),
        409,
        "OperationNotAllowed",
        /^The disk\/snapshot resource with id .*\/disks\/errors-1 cannot be resized down\. Reducing disk\/snapshot size is not supported in Azure/,
      ],
      [
        "too many shares",
        () => client.disks.update("rg", "errors-1", { maxShares: 9 }, fast),
        400,
        "BadRequest",
        /^MaxShares '9' for disk 'errors-1' of size '\d+' GB is invalid\. Please refer to https:/,
      ],
      [
        "LUN 64",
        () => attach("node-a", [{ lun: 64, id }]),
        400,
        "InvalidParameter",
        /^The value '64' of parameter 'dataDisk.lun' is out of range\. Value '64' must be between '0' and '63' inclusive\.$/,
        "dataDisk.lun",
      ],
      [
        "absent disk",
        () => attach("node-a", [{ lun: 0, id: `${id}-none` }]),
        404,
        "NotFound",
        /^Disk errors-1-none is not found\.$/,
        "diskId",
      ],
      [
        "other zone",
        () => attach("node-b", [{ lun: 0, id }]),
        400,
        "BadRequest",
        /^Disk \/subscriptions\/.+\/resourceGroups\/RG\/.+\/errors-1 cannot be attached to the VM because it is not in the same zone as the VM\. VM zone: '2'\. Disk zone: '1'\.$/,
      ],
      [
        "unknown VM size",
        () =>
          client.virtualMachines.createOrUpdate(
            "rg",
            "odd",
            { location: "eastus", hardwareProfile: { vmSize: "Standard_Odd" } },
            fast,
          ),
        400,
        "InvalidParameter",
        /^The value Standard_Odd provided for the VM size is not valid\.$/,
        "vmSize",
      ],
      [
        "a VM without a network",
        () => client.virtualMachines.createOrUpdate("rg", "ghost", { location: "eastus" }, fast),
        400,
        "InvalidParameter",
        /^Required parameter 'networkProfile' is missing \(null\)\.$/,
        "networkProfile",
      ],
      [
        "guarded creation",
        () =>
          client.virtualMachines.createOrUpdate("rg", "node-a", { location: "eastus" }, { ifNoneMatch: "*" }),
        412,
        "PreconditionFailed",
        /already exists/,
      ],
    ];
    for (const [because, call, statusCode, code, message, target] of rows) {
      await assert.rejects(async () => call(), { statusCode, code, message }, because);
      // The SDK shows no target of a refused long-running operation: it is in the response's text.
      if (target !== undefined)
        assert.equal(
          (JSON.parse(lastAnswer) as { error: { target?: string } }).error.target,
          target,
          because,
        );
    }
    assert.equal(lastHeaders.get("x-ms-failure-cause"), undefined);
    await assert.rejects(async () => client.virtualMachines.update("rg", "none", {}, fast), {
      statusCode: 404,
    });
    assert.equal(lastHeaders.get("x-ms-failure-cause"), "gateway");
  });

  it("name the conflicting state", async () => {
    const { client } = azure;
    const { model } = azure.emulator;
    const [plain, other, shared] = [
      await createDisk(azure, "state-1"),
      await createDisk(azure, "state-2"),
      await createDisk(azure, "state-3", { maxShares: 2 }),
    ];
    await client.virtualMachines.createOrUpdate(
      "rg",
      "node-c",
      {
        location: "eastus",
        zones: ["1"],
        hardwareProfile: { vmSize: "Standard_D8s_v5" },
        networkProfile: {},
      },
      fast,
    );
    await attach(
      "node-a",
      [plain, shared].map((id, lun) => ({ lun, id })),
    );
    const rows: readonly (readonly [
      because: string,
      call: () => PromiseLike<unknown>,
      statusCode: number,
      code: string,
      message?: RegExp,
    ])[] = [
      [
        "owned by another VM",
        () => attach("node-c", [{ lun: 0, id: plain }]),
        409,
        "ConflictingUserInput",
        /already owned by VM '.*node-a'/,
      ],
      [
        "another LUN for the same disk",
        () => attach("node-a", [{ lun: 9, id: plain }]),
        409,
        "PropertyChangeNotAllowed",
        /dataDisk.lun/,
      ],
      [
        "cached and shared",
        () => attach("node-c", [{ lun: 0, id: shared, more: { caching: "ReadOnly" } }]),
        400,
        "BadRequest",
        /maxShares/,
      ],
      [
        "Empty with an id",
        () => attach("node-c", [{ lun: 0, id: other, more: { createOption: "Empty" } }]),
        400,
        "InvalidParameterConflictingProperties",
      ],
      [
        "deletes what is attached",
        () => client.disks.delete("rg", "state-1"),
        409,
        "OperationNotAllowed",
        /Disk state-1 is attached to VM/,
      ],
      [
        "grows a shared disk online",
        () => client.disks.update("rg", "state-3", { diskSizeGB: 16 }),
        409,
        "OperationNotAllowed",
        /Cannot resize disk/,
      ],
      [
        "crosses 4 TiB online",
        () => client.disks.update("rg", "state-1", { diskSizeGB: 5000 }),
        409,
        "OperationNotAllowed",
        /deallocated/,
      ],
      [
        "changes maxShares online",
        () => client.disks.update("rg", "state-1", { maxShares: 2 }),
        409,
        "OperationNotAllowed",
        /maxShares/,
      ],
      [
        "moves zones",
        () =>
          client.disks.createOrUpdate("rg", "state-2", {
            location: "eastus",
            zones: ["2"],
            creationData: { createOption: "Empty" },
          }),
        409,
        "PropertyChangeNotAllowed",
        /existing disk/,
      ],
      [
        "zone 9",
        () =>
          client.disks.createOrUpdate("rg", "zone-9", {
            location: "eastus",
            zones: ["9"],
            creationData: { createOption: "Empty" },
            diskSizeGB: 8,
          }),
        400,
        "InvalidAvailabilityZone",
      ],
      [
        "no such source",
        () =>
          client.disks.createOrUpdate("rg", "copy", {
            location: "eastus",
            creationData: { createOption: "Copy", sourceResourceId: `${plain}-none` },
          }),
        404,
        "NotFound",
      ],
      [
        "SKU of a running VM's disk",
        () => client.disks.update("rg", "state-1", { sku: { name: "StandardSSD_LRS" } }),
        409,
        "OperationNotAllowed",
        /Cannot change sku/,
      ],
    ];
    for (const [because, call, statusCode, code, message] of rows)
      await assert.rejects(
        async () => call(),
        { statusCode, code, ...(message === undefined ? {} : { message }) },
        because,
      );
    // Azure takes hours for each operation here.
    model.world.settings = { ...model.world.settings, timeScale: 1_000 };
    await abandon(azure, "VirtualMachines_Delete", (abortSignal) =>
      client.virtualMachines.delete("rg", "node-c", { ...fast, abortSignal }),
    );
    await assert.rejects(async () => attach("node-c", [{ lun: 0, id: other }]), {
      statusCode: 409,
      code: "OperationNotAllowed",
      message: /marked for deletion/,
    });
    await abandon(azure, "VirtualMachines_Update", (abortSignal) =>
      client.virtualMachines.update("rg", "node-a", {}, { ...fast, abortSignal }),
    );
    await assert.rejects(async () => attach("node-a", []), {
      statusCode: 409,
      code: "Conflict",
      message: /concurrent request/,
    });
    await assert.rejects(async () => client.virtualMachines.restart("rg", "node-a"), { statusCode: 409 });
    model.world.settings = { ...model.world.settings, timeScale: 0.001, concurrentVmWrite: "preempt" };
    await attach("node-a", []);
    model.world.settings = { ...model.world.settings, concurrentVmWrite: "conflict" };
  });

  it("of a failed operation keep code and message in the text only", async () => {
    const id = await createDisk(azure, "errors-2");
    azure.emulator.model.faults.add({
      disk: "*errors-2",
      times: 1,
      effect: { kind: "FailOperation", code: "InternalOperationError", message: "The disk is ill." },
    });
    await assert.rejects(
      async () => attach("node-a", [{ lun: 0, id }]),
      (error: Error & { code?: string; statusCode?: number }) => {
        assert.match(error.message, /InternalOperationError.*The disk is ill/s);
        assert.deepEqual([error.code, error.statusCode], [undefined, undefined]);
        return true;
      },
    );
    assert.equal((await azure.client.virtualMachines.get("rg", "node-a")).provisioningState, "Failed");
  });

  it("of a pre-empted operation lose even the code", async () => {
    const id = await createDisk(azure, "errors-3");
    const { model } = azure.emulator;
    model.world.settings = { ...model.world.settings, concurrentVmWrite: "preempt", timeScale: 1 };
    const since = model.journal.lastSequence();
    const older = attach("node-a", [{ lun: 1, id }]);
    const olderFailed = assert.rejects(
      async () => older,
      (error: Error & { code?: string }) => error.code === undefined && /cancel/i.test(error.message),
    );
    await untilAsked(azure, "VirtualMachines_Update", since);
    model.world.settings = { ...model.world.settings, timeScale: 0.001 };
    await attach("node-a", []);
    await olderFailed;
    model.world.settings = { ...model.world.settings, concurrentVmWrite: "conflict" };
  });

  it("answer 429 with Retry-After, which the SDK's own retries follow", async () => {
    azure.emulator.model.faults.add({
      operation: "Disks_Get",
      times: 1,
      effect: { kind: "Error", status: 429, code: "OperationNotAllowed", retryAfterS: 1 },
    });
    await assert.rejects(azure.client.disks.get("rg", "errors-1"), {
      statusCode: 429,
      code: "OperationNotAllowed",
    });
    assert.equal((await azure.client.disks.get("rg", "errors-1")).name, "errors-1");
  });

  it("leave the outcome open when the connection breaks after the work", async () => {
    const id = await createDisk(azure, "errors-4");
    azure.emulator.model.faults.add({
      operation: "VirtualMachines_Update",
      times: 1,
      effect: { kind: "DropResponse" },
    });
    await assert.rejects(async () => attach("node-a", [{ lun: 2, id }]), { name: "RestError" });
    const endsMs = performance.now() + PATIENCE_MS;
    while ((await azure.client.virtualMachines.get("rg", "node-a")).provisioningState !== "Succeeded")
      assert.ok(performance.now() < endsMs, `the update has not ended within ${PATIENCE_MS / 1_000} s`);
    assert.equal((await azure.client.disks.get("rg", "errors-4")).managedBy?.endsWith("/node-a"), true);
    await attach("node-a", []);
  });

  it("name the limit of the VM size", async () => {
    const ids = await Promise.all(["a", "b", "c", "d", "e"].map((name) => createDisk(azure, `many-${name}`)));
    await assert.rejects(
      async () =>
        attach(
          "node-a",
          ids.map((id, lun) => ({ lun, id })),
        ),
      { statusCode: 409, code: "OperationNotAllowed", message: /attached to a VM of this size is 4/ },
    );
  });
});

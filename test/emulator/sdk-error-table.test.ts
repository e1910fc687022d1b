import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ComputeManagementClient } from "@azure/arm-compute";
import type { FaultRule } from "../../src/emulator/model/pace/fault-rule.ts";
import { strikeVm } from "../../src/emulator/model/vm/vm-events.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import {
  abandon,
  attachDisks,
  type AzureFixture,
  createDisk,
  type DataDisks,
  startAzure,
  SUBSCRIPTION_ID,
} from "./azure-fixture.ts";

/** The last response as sent: errors of long-running operations keep neither details nor innererror. */
let lastAnswer = "";
const fast = {
  updateIntervalInMs: 5,
  onResponse: (raw: { readonly bodyAsText?: string | null }): void => {
    lastAnswer = raw.bodyAsText ?? "";
  },
};
const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;

/** How the official SDK shows one row of Azure's error table. */
interface Row {
  readonly situation: string;
  /** The rule that causes it where the state of the world does not. */
  readonly rule?: FaultRule;
  readonly call: () => PromiseLike<unknown>;
  readonly statusCode: number;
  readonly code: string;
  readonly message?: RegExp;
  /** `error.innererror.internalErrorCode`, which the SDK ignores: in the text of the response. */
  readonly inner?: string;
}

describe("the rest of Azure's error table through the official SDK", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure({
      virtualMachines: ["node-a", "node-b", "hung"].map((name) => ({ name, zone: "1" })),
      settings: { createResourceGroups: true },
    });
  });
  after(() => azure.close());

  const attach = (vm: string, entries: DataDisks): PromiseLike<unknown> =>
    attachDisks(azure, vm, entries, fast);
  const refusing = (
    operation: string,
    error: { status: number; code: string; message: string; internalErrorCode?: string },
  ): FaultRule => ({
    operation,
    times: 1,
    effect: { kind: "Error", ...error },
  });
  /** Azure takes hours for each operation, so that `act` finds it in progress. */
  const during = async (
    operation: string,
    begin: (signal: AbortSignal) => PromiseLike<unknown>,
    act: () => Promise<void>,
  ): Promise<void> => {
    const { world } = azure.emulator.model;
    world.settings = { ...world.settings, timeScale: 1_000 };
    await abandon(azure, operation, begin);
    await act();
    world.settings = { ...world.settings, timeScale: 0.001 };
  };

  it("occurs as callers would cause it, or by a rule if the emulator lacks the state", async () => {
    const { client } = azure;
    const [first, second, source, other, large] = [
      await createDisk(azure, "table-1"),
      await createDisk(azure, "table-2"),
      await createDisk(azure, "table-3"),
      await createDisk(azure, "table-4"),
      await createDisk(azure, "table-5", { diskSizeGB: 1024 }),
    ];
    const twin = (
      await client.disks.createOrUpdate(
        "rg2",
        "table-1",
        { location: "eastus", zones: ["1"], creationData: { createOption: "Empty" }, diskSizeGB: 8 },
        fast,
      )
    ).id;
    await client.disks.createOrUpdate(
      "rg",
      "copy",
      { location: "eastus", zones: ["1"], creationData: { createOption: "Copy", sourceResourceId: source } },
      fast,
    );
    await attach("node-b", [{ lun: 0, id: large }]);
    await client.disks.grantAccess("rg", "table-4", { access: "Read", durationInSeconds: 3600 }, fast);
    const ultra = (
      await client.disks.createOrUpdate(
        "rg",
        "ultra",
        {
          location: "eastus",
          zones: ["1"],
          sku: { name: "UltraSSD_LRS" },
          creationData: { createOption: "Empty" },
          diskSizeGB: 64,
        },
        fast,
      )
    ).id;

    const anonymous = new ComputeManagementClient(
      { getToken: () => Promise.resolve({ token: "", expiresOnTimestamp: Infinity }) },
      SUBSCRIPTION_ID,
      {
        endpoint: azure.emulator.url,
        tlsOptions: { ca: azure.emulator.caPem ?? "" },
      },
    );
    const rows: readonly Row[] = [
      {
        situation: "child of a missing scale set",
        rule: refusing("VirtualMachines_Get", {
          status: 404,
          code: "ParentResourceNotFound",
          message: "Failed to perform 'read' on resource(s)",
        }),
        call: () => client.virtualMachines.get("rg", "node-a"),
        statusCode: 404,
        code: "ParentResourceNotFound",
      },
      {
        situation: "instance of a scale set gone",
        rule: refusing("VirtualMachines_Update", {
          status: 400,
          code: "InvalidParameter",
          message: "The provided instanceId 267 is not an active",
        }),
        call: () => attach("node-a", []),
        statusCode: 400,
        code: "InvalidParameter",
        message: /instanceId 267/,
      },
      {
        situation: "duplicate LUN",
        call: () =>
          attach(
            "node-a",
            [first, second].map((id) => ({ lun: 3, id })),
          ),
        ...{ statusCode: 400, code: "InvalidParameter", message: /A disk at LUN 3 already exists/ },
      },
      {
        situation: "duplicate name",
        call: () =>
          attach(
            "node-a",
            [first, twin ?? ""].map((id, lun) => ({ lun, id })),
          ),
        ...{ statusCode: 400, code: "InvalidParameter", message: /A disk named 'table-1' already exists/ },
      },
      {
        situation: "disk of another subscription",
        call: () =>
          attach("node-a", [
            { lun: 0, id: first.replace(SUBSCRIPTION_ID, "00000000-0000-0000-0000-00000000beef") },
          ]),
        ...{ statusCode: 400, code: "InvalidParameter", message: /must match the subscription/ },
      },
      {
        situation: "resize of a disk that must be offline for it",
        rule: refusing("Disks_Update", {
          ...{
            status: 409,
            code: "OperationNotAllowed",
            message: "Cannot resize disk table-5 while it is attached to running VM node-b.",
          },
          internalErrorCode: "ChangeDiskSizeWhileAttachedNotAllowed",
        }),
        call: () => client.disks.update("rg", "table-5", { diskSizeGB: 2048 }, fast),
        ...{
          statusCode: 409,
          code: "OperationNotAllowed",
          message: /Cannot resize disk/,
          inner: "ChangeDiskSizeWhileAttachedNotAllowed",
        },
      },
      {
        situation: "resize that the disk's SKU does not take while attached",
        rule: refusing("Disks_Update", {
          ...{
            status: 409,
            code: "OperationNotAllowed",
            message: "Cannot resize disk table-5 while it is attached to running VM node-b.",
          },
          internalErrorCode: "ChangeDiskSizeWhileAttachedForSkuNotAllowed",
        }),
        call: () => client.disks.update("rg", "table-5", { diskSizeGB: 2048 }, fast),
        ...{
          statusCode: 409,
          code: "OperationNotAllowed",
          inner: "ChangeDiskSizeWhileAttachedForSkuNotAllowed",
        },
      },
      {
        situation: "resize across 4 TiB while attached",
        call: () => client.disks.update("rg", "table-5", { diskSizeGB: 8192 }, fast),
        ...{
          statusCode: 409,
          code: "OperationNotAllowed",
          message: /deallocated/,
          inner: "InvalidResizeForLargeDisks",
        },
      },
      {
        situation: "resize under an active SAS",
        call: () => client.disks.update("rg", "table-4", { diskSizeGB: 64 }, fast),
        ...{ statusCode: 409, code: "OperationNotAllowed", inner: "ChangeDiskSizeWhileActiveSasNotAllowed" },
      },
      {
        situation: "attach under an active SAS",
        call: () => attach("node-a", [{ lun: 0, id: other }]),
        ...{ statusCode: 409, code: "OperationNotAllowed", message: /shared access signature/ },
      },
      {
        situation: "size out of range",
        call: () => client.disks.update("rg", "table-1", { diskSizeGB: 40_000 }, fast),
        ...{ statusCode: 400, code: "InvalidParameter", message: /32767/ },
      },
      {
        situation: "another source for an existing disk",
        call: () =>
          client.disks.createOrUpdate("rg", "copy", {
            location: "eastus",
            zones: ["1"],
            creationData: { createOption: "Copy", sourceResourceId: first },
          }),
        ...{
          statusCode: 409,
          code: "PropertyChangeNotAllowed",
          message: /'sourceResourceId' is not allowed for existing disk 'copy'/,
        },
      },
      {
        situation: "unavailable SKU",
        rule: refusing("Disks_CreateOrUpdate", {
          status: 409,
          code: "SkuNotAvailable",
          message: "The requested size for resource 'x' is currently not available",
        }),
        call: () =>
          client.disks.createOrUpdate("rg", "x", {
            location: "eastus",
            creationData: { createOption: "Empty" },
            diskSizeGB: 8,
          }),
        ...{ statusCode: 409, code: "SkuNotAvailable" },
      },
      {
        situation: "SKU not for this subscription",
        rule: refusing("Disks_CreateOrUpdate", {
          status: 409,
          code: "NotAvailableForSubscription",
          message:
            "The requested size for resource 'x' is currently not available in location 'eastus' for " +
            "subscription 's'",
        }),
        call: () =>
          client.disks.createOrUpdate("rg", "x", {
            location: "eastus",
            creationData: { createOption: "Empty" },
            diskSizeGB: 8,
          }),
        ...{ statusCode: 409, code: "NotAvailableForSubscription" },
      },
      {
        situation: "constraints that no capacity meets",
        rule: refusing("VirtualMachines_Start", {
          status: 409,
          code: "OverconstrainedZonalAllocationRequest",
          message: "Allocation failed. VM(s) with the following constraints cannot be allocated",
        }),
        call: () => client.virtualMachines.start("rg", "node-a"),
        ...{ statusCode: 409, code: "OverconstrainedZonalAllocationRequest" },
      },
      {
        situation: "no capacity",
        rule: refusing("VirtualMachines_Start", {
          status: 409,
          code: "ZonalAllocationFailed",
          message: "Allocation failed. We do not have sufficient capacity",
        }),
        call: () => client.virtualMachines.start("rg", "node-a"),
        ...{ statusCode: 409, code: "ZonalAllocationFailed", message: /sufficient capacity/ },
      },
      {
        situation: "Ultra on a VM that is not enabled for it",
        call: () => attach("node-a", [{ lun: 0, id: ultra ?? "" }]),
        ...{ statusCode: 400, code: "InvalidParameter", message: /ultraSSDEnabled/ },
      },
      {
        situation: "no token",
        call: () => anonymous.disks.get("rg", "table-1"),
        ...{ statusCode: 401, code: "AuthenticationFailed", message: /'Authorization' header is missing/ },
      },
      {
        situation: "not authorised",
        rule: refusing("Disks_Delete", {
          status: 403,
          code: "AuthorizationFailed",
          message: "The client 'c' with object id 'o' does not have authorization",
        }),
        call: () => client.disks.delete("rg", "table-1"),
        ...{ statusCode: 403, code: "AuthorizationFailed" },
      },
      {
        situation: "not authorised for what a request links to",
        rule: refusing("Disks_CreateOrUpdate", {
          status: 403,
          code: "LinkedAuthorizationFailed",
          message: "The client has permission, but not on the linked scope",
        }),
        call: () =>
          client.disks.createOrUpdate("rg", "x", {
            location: "eastus",
            creationData: { createOption: "Empty" },
            diskSizeGB: 8,
          }),
        ...{ statusCode: 403, code: "LinkedAuthorizationFailed" },
      },
      {
        situation: "VM in another location than its resource group",
        rule: refusing("VirtualMachines_Get", {
          status: 404,
          code: "NotFound",
          message: "The entity was not found in this Azure location.",
        }),
        call: () => client.virtualMachines.get("rg", "node-a"),
        ...{ statusCode: 404, code: "NotFound", message: /entity was not found/ },
      },
    ];
    for (const { situation, rule, call, statusCode, code, message, inner } of rows) {
      if (rule !== undefined) azure.emulator.model.faults.add(rule);
      await assert.rejects(
        async () => call(),
        (error: Error & { statusCode?: number; code?: string }) => {
          assert.deepEqual([error.statusCode, error.code], [statusCode, code], situation);
          if (message !== undefined) assert.match(error.message, message, situation);
          if (inner !== undefined)
            assert.match(lastAnswer, new RegExp(`"internalErrorCode":"${inner}"`), situation);
          return true;
        },
      );
    }
  });

  it("has the clash of two first attaches of a shared disk", async () => {
    const id = await createDisk(azure, "shared", { maxShares: 3 });
    const { world } = azure.emulator.model;
    const slow = { medianMs: 1e9, p99Ms: 1e9 };
    world.settings = {
      ...world.settings,
      latencies: { ...world.settings.latencies, sharedAttachRace: slow },
    };
    await during(
      "VirtualMachines_AttachDetachDataDisks",
      (abortSignal) =>
        azure.client.virtualMachines.attachDetachDataDisks(
          "rg",
          "node-a",
          { dataDisksToAttach: [{ diskId: id }] },
          { ...fast, abortSignal },
        ),
      async () => {
        await assert.rejects(async () => attach("node-b", [{ lun: 9, id }]), {
          ...{
            statusCode: 409,
            code: "ConflictingUserInput",
            message: /because it is already attached to VM .*node-a.*only one VM at a time/,
          },
        });
      },
    );
  });

  it("has a failed detach that blocks others until it is retried", async () => {
    const id = await createDisk(azure, "half-off");
    await attach("hung", [{ lun: 0, id }]);
    azure.emulator.model.faults.add({
      operation: "VirtualMachines_Update",
      times: 1,
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    await assert.rejects(async () => attach("hung", []), /InternalOperationError/);
    await assert.rejects(async () => attach("hung", [{ lun: 0, id }]), {
      ...{
        statusCode: 409,
        code: "AttachDiskWhileBeingDetached",
        message: /currently being detached or the last detach operation failed/,
      },
    });
    await attach("hung", [{ lun: 0, id, more: { toBeDetached: true } }]);
    await attach("hung", [{ lun: 0, id }]);
    azure.emulator.model.faults.add({
      operation: "VirtualMachines_Update",
      times: 1,
      effect: { kind: "FailOperation", code: "AttachDiskWhileBeingDetached" },
    });
    await assert.rejects(async () => attach("hung", []), /AttachDiskWhileBeingDetached/);
    await attach("hung", []);
  });

  it("has a hanging regular detach, and a forced one that pre-empts it", async () => {
    const { model } = azure.emulator;
    const id = await createDisk(azure, "hanging");
    await attach("hung", [{ lun: 0, id }]);
    const vm = findVm(model.world, `${COMPUTE}/virtualMachines/hung`);
    assert.ok(vm !== undefined);
    strikeVm(model.world, vm, "GuestHang");
    const since = model.journal.lastSequence();
    const hanging = assert.rejects(async () => attach("hung", []), /DataDisksForceDetached/);
    while (!model.journal.since(since).some((entry) => entry.kind === "poll"))
      await new Promise((resolve) => setImmediate(resolve));
    await attach("hung", [{ lun: 0, id, more: { toBeDetached: true, detachOption: "ForceDetach" } }]);
    await hanging;
    assert.equal((await azure.client.disks.get("rg", "hanging")).diskState, "Unattached");
  });

  it("has an operation of the VM that conflicts with another", async () => {
    await during(
      "VirtualMachines_Restart",
      (abortSignal) => azure.client.virtualMachines.restart("rg", "node-b", { ...fast, abortSignal }),
      async () => {
        await assert.rejects(async () => attach("node-b", []), {
          ...{
            statusCode: 409,
            code: "OperationNotAllowed",
            message:
              /'VirtualMachines_Update' is not allowed on VM 'node-b' since another operation is in progress/,
          },
        });
      },
    );
  });

  it("has an operation on the VM's power that conflicts with another", async () => {
    await azure.client.virtualMachines.createOrUpdate(
      "rg",
      "stopping",
      { location: "eastus", zones: ["1"], networkProfile: {} },
      fast,
    );
    await during(
      "VirtualMachines_Deallocate",
      (abortSignal) => azure.client.virtualMachines.deallocate("rg", "stopping", { ...fast, abortSignal }),
      async () => {
        await assert.rejects(async () => attach("stopping", []), {
          ...{
            statusCode: 409,
            code: "OperationNotAllowed",
            message:
              /changing power state of Virtual Machine stopping to deallocated\. Please perform operation VirtualMachines_Update after some time/,
          },
        });
      },
    );
  });
});

describe("throttling through the official SDK", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure({
      virtualMachines: [{ name: "node-a" }, { name: "node-b" }],
      settings: {
        ...{ throttling: "enforce", timeScale: 1 },
        throttleLimits: {
          UpdateVMResource: { burst: 2, perMinute: 30 },
          "subscription-deletes": { burst: 1, perMinute: 30 },
        },
      },
    });
  });
  after(() => azure.close());
  const tag = (vm: string, value: string, signal?: AbortSignal): PromiseLike<unknown> =>
    azure.client.virtualMachines
      .update(
        "rg",
        vm,
        { tags: { value } },
        { ...fast, ...(signal === undefined ? {} : { abortSignal: signal }) },
      )
      .submitted();

  it("names the provider's policy, the time to wait, and the rest, by VM", async () => {
    const { world } = azure.emulator.model;
    world.settings = { ...world.settings, concurrentVmWrite: "preempt" };
    for (const value of ["1", "2"]) await tag("node-a", value);
    await assert.rejects(
      async () => tag("node-a", "3"),
      (
        error: Error & {
          statusCode?: number;
          code?: string;
          response?: { headers: { get(name: string): string | undefined } };
        },
      ) => {
        assert.deepEqual([error.statusCode, error.code], [429, "OperationNotAllowed"]);
        assert.ok(Number(error.response?.headers.get("retry-after")) >= 1);
        const { details } = (
          JSON.parse(lastAnswer) as { error: { details: readonly { code: string; target: string }[] } }
        ).error;
        assert.deepEqual(
          details.map(({ code, target }) => ({ code, target })),
          [{ code: "TooManyRequests", target: "UpdateVMResource" }],
        );
        return true;
      },
    );
    await tag("node-b", "1");
  });

  it("has the front door's form, too", async () => {
    await azure.client.disks.delete("rg", "none");
    await assert.rejects(azure.client.disks.delete("rg", "none"), {
      statusCode: 429,
      code: "SubscriptionRequestsThrottled",
      message: /Please try again after '\d+' seconds/,
    });
  });

  it("is waited out by the SDK's own retries", async () => {
    const patient = new ComputeManagementClient(
      { getToken: () => Promise.resolve({ token: "any", expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) },
      SUBSCRIPTION_ID,
      { endpoint: azure.emulator.url, tlsOptions: { ca: azure.emulator.caPem ?? "" } },
    );
    const refusedBefore = azure.emulator.model.journal
      .since(0)
      .filter((entry) => entry.status === 429).length;
    await patient.disks.delete("rg", "none");
    assert.ok(
      azure.emulator.model.journal.since(0).filter((entry) => entry.status === 429).length > refusedBefore,
    );
  });
});

describe("invalid snapshots and copies through the official SDK", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure();
  });
  after(() => azure.close());
  const snapshot = (name: string, sourceResourceId: string, more: object = {}): PromiseLike<unknown> =>
    azure.client.snapshots.createOrUpdate(
      "rg",
      name,
      {
        location: "eastus",
        incremental: true,
        creationData: { createOption: "Copy", sourceResourceId },
        ...more,
      },
      fast,
    );

  it("say why", async () => {
    const { client } = azure;
    const { world } = azure.emulator.model;
    // Background copies at Azure's pace are still in progress when they are checked.
    world.settings = {
      ...world.settings,
      latencies: { ...world.settings.latencies, snapshotBackgroundCopy: { medianMs: 1e9, p99Ms: 1e9 } },
    };
    const plain = await createDisk(azure, "plain");
    const v2 = await createDisk(azure, "v2", { sku: { name: "PremiumV2_LRS" } });
    await snapshot("pending", v2);
    const pending = await client.snapshots.get("rg", "pending");
    assert.deepEqual(
      [pending.snapshotAccessState, (pending.completionPercent ?? 100) < 100],
      ["Pending", true],
    );
    await snapshot("instant", v2, {
      creationData: { createOption: "Copy", sourceResourceId: v2, instantAccessDurationMinutes: 300 },
    });
    await snapshot("whole", plain);
    const { id: whole = "" } = await client.snapshots.get("rg", "whole");
    const restore = (
      name: string,
      sourceResourceId: string | undefined,
      more: object,
    ): PromiseLike<unknown> =>
      client.disks.createOrUpdate(
        "rg",
        name,
        {
          location: "eastus",
          zones: ["1"],
          sku: { name: "Premium_LRS" },
          creationData: { createOption: "Copy", sourceResourceId: sourceResourceId ?? "" },
          ...more,
        },
        fast,
      );
    const rows: readonly (readonly [
      because: string,
      call: () => PromiseLike<unknown>,
      statusCode: number,
      code: string,
      message: RegExp,
    ])[] = [
      [
        "a full snapshot of Premium SSD v2",
        () => snapshot("full", v2, { incremental: false }),
        400,
        "InvalidParameter",
        /incremental/,
      ],
      ["no such source", () => snapshot("none", `${plain}-none`), 404, "NotFound", /is not found/],
      [
        "another region without CopyStart",
        () => snapshot("far", plain, { location: "westus" }),
        404,
        "NotFound",
        /^Resource plain is not found\.$/,
      ],
      [
        "CopyStart of a full snapshot",
        () =>
          snapshot("far", whole, {
            location: "westus",
            incremental: false,
            creationData: { createOption: "CopyStart", sourceResourceId: whole },
          }),
        400,
        "InvalidParameter",
        /incremental/,
      ],
      [
        "restore before the copy is complete",
        () => restore("early", pending.id, { sku: { name: "PremiumV2_LRS" } }),
        409,
        "OperationNotAllowed",
        /not complete/,
      ],
      [
        "instant restore to a slower disk",
        () => restore("slow", pending.id?.replace("pending", "instant"), {}),
        400,
        "InvalidParameter",
        /instant access/,
      ],
      [
        "restore smaller than the source",
        () => restore("small", whole, { diskSizeGB: 4 }),
        400,
        "InvalidParameter",
        /size/i,
      ],
      [
        "instant access for an hour less a minute",
        () =>
          snapshot("short", v2, {
            creationData: { createOption: "Copy", sourceResourceId: v2, instantAccessDurationMinutes: 59 },
          }),
        400,
        "InvalidParameter",
        /out of range/,
      ],
    ];
    for (const [because, call, statusCode, code, message] of rows)
      await assert.rejects(async () => call(), { statusCode, code, message }, because);
    await restore("fast", pending.id?.replace("pending", "instant"), { sku: { name: "PremiumV2_LRS" } });
    for (const name of ["s-3", "s-4", "s-5"]) await snapshot(name, plain);
  });

  it("fail later where the copy itself fails", async () => {
    const source = await createDisk(azure, "source");
    azure.emulator.model.faults.add({
      operation: "Snapshots_CreateOrUpdate",
      times: 1,
      effect: { kind: "FailOperation", code: "InternalExecutionError", message: "The copy broke." },
    });
    await assert.rejects(async () => snapshot("broken", source), /InternalExecutionError.*The copy broke/s);
    assert.equal((await azure.client.snapshots.get("rg", "broken")).provisioningState, "Failed");
    azure.emulator.model.faults.add({
      operation: "Disks_CreateOrUpdate",
      times: 1,
      effect: { kind: "FailOperation", code: "AllocationFailed", message: "No room." },
    });
    await assert.rejects(async () => createDisk(azure, "no-room"), /AllocationFailed.*No room/s);
  });
});

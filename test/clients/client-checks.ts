import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID } from "../emulator/azure-fixture.ts";

/** A program with an SDK of Azure in another language. */
export interface Client {
  readonly name: string;
  /** The commands that its SDK needs on this machine, such as `python3`; none if Node runs it. */
  readonly toolchain?: readonly string[];
  /** The command that prints the result of each check as one JSON object. */
  readonly command: () => Promise<{
    readonly program: string;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  }>;
}

const DISKS = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/disks`;

/** What each check gives, in every language. */
const expected: readonly (readonly [what: string, check: string, result: unknown])[] = [
  ["creates a disk, grows it, and puts back what it read", "creates_and_grows", ["Succeeded", 32, 64, "P6"]],
  ["lists over pages", "pages", Array.from({ length: 7 }, (_, number) => `page-${number}`)],
  ["attaches by an update, and reads the instance view", "attaches", [[3], "vm-a", true]],
  ["gets 412 for another ETag", "refuses_wrong_etag", [412, "PreconditionFailed"]],
  ["gets a conflict for a disk of another VM", "refuses_second_vm", [409, "ConflictingUserInput"]],
  ["detaches", "detaches", [null, 0]],
  [
    "makes a disk by a VM's update, and puts the VM back",
    "makes_with_vm",
    ["Empty", 32, "vm-b", "Succeeded", null],
  ],
  ["takes a snapshot, and restores it larger", "snapshots_and_restores", [true, 128, true]],
  ["attaches to an instance of a scale set", "scale_set_instances", ["pool_0", "pool_0", null]],
  [
    "gets the errors of an instance, and of one that is gone",
    "instance_errors",
    [
      [412, "PreconditionFailed"],
      [409, "ConflictingUserInput"],
      [409, "ConflictingUserInput"],
      [404, "NotFound"],
      [400, "InvalidParameter"],
      [404, "ResourceNotFound"],
      [404, "ParentResourceNotFound"],
    ],
  ],
  [
    "attaches and detaches by the action for it",
    "attaches_by_action",
    [
      [[5], "vm-a", 0],
      [[5], "pool_0", 0],
    ],
  ],
  [
    "sees an attach that failed in the list, and repairs it by an empty update",
    "vm_and_instance_failing_operation",
    ["vm-a", "pool_0"].map((owner) => [
      [200, "InternalOperationError"],
      "Failed",
      [2],
      null,
      "Succeeded",
      owner,
    ]),
  ],
  ["waits out 429 of a write by its own retries", "vm_and_instance_throttled", ["vm-b", "pool_1"]],
  [
    "upgrades the instances of a scale set batch by batch",
    "rolling_upgrades",
    ["Rolling", 20, "Completed", 2, [true, true], "Completed", 2, [409, "OperationNotAllowed"]],
  ],
  ["deallocates and starts a VM", "power", [true]],
  ["lists SKUs", "skus", [true]],
  ["raises the error of an operation that fails", "failing_operation", [200, "InternalOperationError"]],
  ["waits out 429 by its own retries", "throttled", "throttled"],
  ["deletes a disk, and gets 404 for it", "deletes", [404, "ResourceNotFound"]],
];

/** Declares the tests of an unmodified SDK against the emulator. */
export async function clientChecks({ name, toolchain = [], command }: Client): Promise<void> {
  const found = await Promise.all(toolchain.map(findCommand));
  const missing = toolchain.filter((_, index) => found[index] === undefined);
  const skip = missing.length > 0 ? `needs ${missing.join(", ")}` : false;

  describe(`${name}, unmodified, against the emulator`, { skip }, () => {
    let azure: AzureFixture;
    let folder = "";
    let results: Readonly<Record<string, unknown>> = {};
    before(async () => {
      const { program, args, env } = await command();
      folder = await mkdtemp(join(tmpdir(), "client-"));
      azure = await startAzure({
        settings: { pageSize: 3 },
        virtualMachines: [{ name: "vm-a" }, { name: "vm-b" }],
        scaleSets: [
          {
            subscriptionId: SUBSCRIPTION_ID,
            resourceGroup: "rg",
            location: "eastus",
            name: "pool",
            capacity: 2,
          },
        ],
      });
      addFaults(azure);
      const ca = join(folder, "ca.pem");
      await writeFile(ca, azure.emulator.caPem ?? "");
      const { code, output } = await runCommand(program, args, {
        cwd: folder,
        env: {
          ...env,
          EMULATOR_URL: azure.emulator.url,
          NODE_EXTRA_CA_CERTS: ca,
          REQUESTS_CA_BUNDLE: ca,
          SSL_CERT_FILE: ca,
          SUBSCRIPTION_ID,
        },
      });
      assert.equal(code, 0, output);
      // Java says before it which options it takes from JAVA_TOOL_OPTIONS.
      results = JSON.parse(output.slice(output.indexOf("{"))) as Readonly<Record<string, unknown>>;
    });
    after(async () => {
      await azure.close();
      await rm(folder, { recursive: true });
    });

    for (const [what, check, result] of expected) it(what, () => assert.deepEqual(results[check], result));

    it("has a test for each check of the program", () => {
      const checks = expected.map(([, check]) => check);
      assert.deepEqual(Object.keys(results).toSorted(), checks.toSorted());
    });
  });
}

/**
 * One creation and the first attach of one disk to a VM and to an instance fail after they were accepted; a
 * disk can be read only at the third try; an attach to another VM and instance is accepted at the second.
 */
function addFaults(azure: AzureFixture): void {
  const { faults } = azure.emulator.model;
  for (const operation of ["VirtualMachines_Update", "VirtualMachineScaleSetVMs_Update"])
    faults.add({
      operation,
      disk: `${DISKS}/failing-attach`,
      times: 1,
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
  for (const resource of ["*/vm-b/attachDetachDataDisks", "*/virtualMachines/1/attachDetachDataDisks"])
    faults.add({
      resource,
      times: 1,
      effect: { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 1 },
    });
  faults.add({
    operation: "Disks_CreateOrUpdate",
    resource: `${DISKS}/failing`,
    effect: { kind: "FailOperation", code: "InternalOperationError" },
  });
  faults.add({
    operation: "Disks_Get",
    resource: `${DISKS}/throttled`,
    times: 2,
    effect: { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 1 },
  });
}

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
  /** What its SDK needs on this machine, such as `python3`. */
  readonly toolchain: string;
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
export async function clientChecks({ name, toolchain, command }: Client): Promise<void> {
  const skip = (await findCommand(toolchain)) === undefined ? `needs ${toolchain}` : false;

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
            capacity: 1,
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
          REQUESTS_CA_BUNDLE: ca,
          SSL_CERT_FILE: ca,
          SUBSCRIPTION_ID,
        },
      });
      assert.equal(code, 0, output);
      results = JSON.parse(output) as Readonly<Record<string, unknown>>;
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

/** One creation fails after it was accepted, and a disk can be read only at the third try. */
function addFaults(azure: AzureFixture): void {
  const { faults } = azure.emulator.model;
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

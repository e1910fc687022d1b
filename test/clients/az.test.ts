import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { buildAz } from "../../testbed/parts/build-python.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID, TENANT_ID } from "../emulator/azure-fixture.ts";

const GROUPS_PROGRAM = join(import.meta.dirname, "python_groups.py");
const TOOLCHAIN = "python3";
const skip = (await findCommand(TOOLCHAIN)) === undefined ? `needs ${TOOLCHAIN}` : false;

/** The end of a command: what it printed as JSON, or its exit code and its error. */
type Outcome =
  | { readonly value: unknown }
  | { readonly exitCode: number | undefined; readonly error: string };

// az polls every 30 s where it gets no Retry-After.
describe("az, unmodified, against the emulator", { skip }, () => {
  let azure: AzureFixture;
  let folder = "";
  let environment: Readonly<Record<string, string>> = {};

  async function run(command: string): Promise<Outcome> {
    const args = ["-s", "-m", "azure.cli", ...command.split(" "), "--output", "json"];
    const { code, output } = await runCommand("python3", args, { cwd: folder, env: environment });
    if (code !== 0) return { exitCode: code, error: output };
    return { value: output.trim() === "" ? undefined : (JSON.parse(output) as unknown) };
  }
  /** What a command prints; the test fails with az's error if it is refused. */
  async function az(command: string): Promise<unknown> {
    const outcome = await run(command);
    if ("error" in outcome) assert.fail(`az ${command}: ${outcome.error}`);
    return outcome.value;
  }
  async function refusal(command: string): Promise<readonly [exitCode: number | undefined, code: string]> {
    const outcome = await run(command);
    if (!("error" in outcome)) assert.fail(`az ${command} was not refused`);
    return [outcome.exitCode, /\((\w+)\)/.exec(outcome.error)?.[1] ?? outcome.error];
  }
  /** Read by an SDK: a command of az takes seconds. */
  const ownerOf = async (disk: string): Promise<string | undefined> =>
    (await azure.client.disks.get("rg", disk)).managedBy?.split("/").at(-1);

  before(async () => {
    const packages = await buildAz(() => undefined, new AbortController().signal);
    folder = await mkdtemp(join(tmpdir(), "az-"));
    azure = await startAzure({
      settings: { pollAfterS: 1 },
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
    const ca = join(folder, "ca.pem");
    await writeFile(ca, azure.emulator.caPem ?? "");
    environment = {
      AZURE_CONFIG_DIR: join(folder, "config"),
      AZURE_CORE_COLLECT_TELEMETRY: "false",
      AZURE_CORE_INSTANCE_DISCOVERY: "false",
      AZURE_CORE_ONLY_SHOW_ERRORS: "true",
      PYTHONPATH: packages,
      REQUESTS_CA_BUNDLE: ca,
    };
    await az(`cloud register -n emulator --endpoint-resource-manager ${azure.emulator.url}`);
    await az("cloud set -n emulator");
    await az(`login --service-principal -u any -p any --tenant ${TENANT_ID}`);
  });
  after(async () => {
    await azure.close();
    await rm(folder, { recursive: true });
  });

  it("creates a disk in its group's region, and grows it", async () => {
    await az("disk create -g rg -n data --size-gb 16 --sku Premium_LRS");
    await az("disk update -g rg -n data --size-gb 32");
    assert.deepEqual(await az("disk show -g rg -n data --query [location,diskSizeGB,tier,diskState]"), [
      "eastus",
      32,
      "P4",
      "Unattached",
    ]);
  });

  it("attaches a disk to a VM, is refused for a second one, and detaches", async () => {
    await az("vm disk attach -g rg --vm-name vm-a --name data");
    assert.equal(await ownerOf("data"), "vm-a");
    const second = await refusal("vm disk attach -g rg --vm-name vm-b --name data");
    assert.deepEqual(second, [1, "ConflictingUserInput"]);
    await az("vm disk detach -g rg --vm-name vm-a --name data");
    assert.equal(await ownerOf("data"), undefined);
  });

  it("attaches a disk to an instance of a scale set, and detaches it", async () => {
    const instance = "-g rg --vmss-name pool --instance-id 0";
    await az(`vmss disk attach ${instance} --disk data --lun 3`);
    assert.equal(await ownerOf("data"), "pool_0");
    await az(`vmss disk detach ${instance} --lun 3`);
    assert.equal(await ownerOf("data"), undefined);
  });

  it("shows a VM with its OS disk, which is a disk of the group and can't be deleted", async () => {
    const vm = (await az("vm show -g rg -n vm-a")) as {
      readonly id: string;
      readonly osProfile: { readonly adminUsername: string };
      readonly networkProfile: { readonly networkInterfaces: readonly unknown[] };
      readonly storageProfile: {
        readonly osDisk: { readonly name: string; readonly diskSizeGB: number; readonly managedDisk: object };
      };
    };
    const { osDisk } = vm.storageProfile;
    assert.deepEqual(
      [vm.osProfile.adminUsername, vm.networkProfile.networkInterfaces.length, osDisk.diskSizeGB],
      ["azureuser", 1, 30],
    );
    const listed = (await az("disk list -g rg --query [?osType].[name,managedBy,diskState]")) as unknown[];
    assert.deepEqual(listed.slice(-2)[0], [osDisk.name, vm.id, "Attached"]);
    assert.equal(listed.length, 3);
    assert.deepEqual(await refusal(`disk delete -g rg -n ${osDisk.name} --yes`), [1, "OperationNotAllowed"]);
  });

  it("takes a snapshot, restores it larger, lists and deletes", async () => {
    await az("snapshot create -g rg -n saved --source data --incremental true");
    await az("disk create -g rg -n restored --source saved --size-gb 64 --sku Premium_LRS");
    assert.deepEqual(await az("disk list -g rg --query [?!osType].[name,diskSizeGB]"), [
      ["data", 32],
      ["restored", 64],
    ]);
    await az("disk delete -g rg -n restored --yes");
    await az("snapshot delete -g rg -n saved");
    assert.deepEqual(await az("snapshot list -g rg"), []);
    await assert.rejects(azure.client.disks.get("rg", "restored"), { statusCode: 404 });
  });

  it("brings the SDK for groups, which tags a disk, and deletes a group with its disk", async () => {
    const { code, output } = await runCommand(
      "python3",
      [GROUPS_PROGRAM, azure.emulator.url, SUBSCRIPTION_ID],
      {
        cwd: folder,
        env: environment,
      },
    );
    assert.equal(code, 0, output);
    assert.deepEqual(JSON.parse(output), {
      created: ["other", "eastus2", "Succeeded"],
      tags: { team: "storage", use: "test" },
      exists: [true, false],
      unknownRegion: [400, "LocationNotAvailableForResourceGroup"],
      unknownSubscription: [404, "SubscriptionNotFound"],
      blocked: [409, "ResourceGroupDeletionBlocked"],
    });
  });

  it("shows the code of an operation that fails, and of a missing disk", async () => {
    azure.emulator.model.faults.add({
      operation: "Disks_CreateOrUpdate",
      resource: "*/disks/failing",
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    const failing = await refusal("disk create -g rg -n failing --size-gb 4");
    assert.deepEqual(failing, [1, "InternalOperationError"]);
    assert.deepEqual(await refusal("disk show -g rg -n none"), [3, "ResourceNotFound"]);
  });
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Guests } from "../../src/emulator/index.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID, untilAsked } from "./azure-fixture.ts";

const QUICKLY = { updateIntervalInMs: 5 };
const scaleSet = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "rg", location: "eastus" };

function scriptOf(...lines: readonly string[]): { commandId: string; script: string[] } {
  return { commandId: "RunShellScript", script: [...lines] };
}

describe("a script that Azure's agent runs in a VM", () => {
  let azure: AzureFixture;
  let released: PromiseWithResolvers<void>;
  /** Answers with the script itself; `wait` is a script that ends when it is released. */
  const guests: Guests = {
    runScript: async ({ vmName, script }) => {
      if (script === "wait") await released.promise;
      if (script === "lost") throw new Error("the guest is gone");
      return { stdout: `${vmName}: ${script}`, stderr: "x".repeat(5000) };
    },
  };
  before(async () => {
    azure = await startAzure({
      guests,
      virtualMachines: [{ name: "vm-a" }, { name: "vm-b" }],
      scaleSets: [{ ...scaleSet, name: "pool", capacity: 1 }],
    });
  });
  after(() => azure.close());
  const run = (vm: string, ...script: readonly string[]): ReturnType<typeof running> =>
    running(azure, vm, script);

  it("returns the ends of what it wrote, as the extension formats them", async () => {
    const { value } = await run("vm-a", "echo 1", "echo 2");
    assert.deepEqual(value, [
      {
        code: "ProvisioningState/succeeded",
        level: "Info",
        displayStatus: "Provisioning succeeded",
        message: `Enable succeeded: \n[stdout]\nvm-a: echo 1\necho 2\n[stderr]\n${"x".repeat(4096)}`,
        time: undefined,
      },
    ]);
  });

  it("runs in an instance of a scale set", async () => {
    const { virtualMachineScaleSetVMs: instances } = azure.client;
    const { value } = await instances.beginRunCommandAndWait("rg", "pool", "0", scriptOf("id"), QUICKLY);
    assert.match(value?.[0]?.message ?? "", /pool_0: id/u);
  });

  it("is refused in a VM that runs one, and not in another VM", async () => {
    released = Promise.withResolvers();
    const since = azure.emulator.model.journal.lastSequence();
    const first = run("vm-a", "wait");
    await untilAsked(azure, "VirtualMachines_RunCommand", since);
    await assert.rejects(run("vm-a", "echo"), {
      statusCode: 409,
      code: "Conflict",
      message: /^Run command extension execution is in progress\./u,
    });
    await run("vm-b", "echo");
    released.resolve();
    await first;
    await run("vm-a", "echo");
  });

  it("is refused in a VM that is off, for Windows, and for a VM that is not there", async () => {
    const { virtualMachines } = azure.client;
    await virtualMachines.beginPowerOffAndWait("rg", "vm-b", QUICKLY);
    await assert.rejects(run("vm-b", "echo"), { statusCode: 409, code: "OperationNotAllowed" });
    await virtualMachines.beginStartAndWait("rg", "vm-b", QUICKLY);
    await assert.rejects(
      virtualMachines.beginRunCommandAndWait("rg", "vm-a", { commandId: "RunPowerShellScript" }, QUICKLY),
      { statusCode: 400, code: "InvalidParameter" },
    );
    await assert.rejects(run("vm-c", "echo"), { statusCode: 404, code: "ResourceNotFound" });
  });

  it("needs its own permission", async () => {
    const { world } = azure.emulator.model;
    const { settings } = world;
    world.settings = { ...settings, deniedActions: ["Microsoft.Compute/virtualMachines/runCommand/action"] };
    await assert.rejects(run("vm-a", "echo"), { statusCode: 403 });
    world.settings = settings;
  });

  it("fails where the guest is lost or its agent is silent", async () => {
    await assert.rejects(run("vm-a", "lost"), /the guest is gone/u);
    const vmId = (await azure.client.virtualMachines.get("rg", "vm-a")).id ?? "";
    const send = (event: string): unknown =>
      azure.emulator.model.handle({
        method: "POST",
        path: "/emulator/v1/virtualMachineEvents",
        body: { vmId, event },
      });
    send("Partition");
    await assert.rejects(run("vm-a", "echo"), /VMAgentStatusCommunicationError/u);
    send("PartitionEnd");
    await run("vm-a", "echo");
  });
});

describe("a VM of an emulator without guests", () => {
  it("has no agent that runs a script", async (context) => {
    const azure = await startAzure({ virtualMachines: [{ name: "vm-a" }] });
    context.after(() => azure.close());
    await assert.rejects(running(azure, "vm-a", ["echo"]), /VMAgentStatusCommunicationError/u);
  });
});

function running(
  { client }: AzureFixture,
  vm: string,
  script: readonly string[],
): Promise<Awaited<ReturnType<typeof client.virtualMachines.beginRunCommandAndWait>>> {
  return client.virtualMachines.beginRunCommandAndWait("rg", vm, scriptOf(...script), QUICKLY);
}

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  type ArmHttpAnswer,
  type ArmHttpRequest,
  createArmHttp,
  type Json,
} from "../../scripts/probe/arm-http.ts";
import { experiments } from "../../scripts/probe/experiments.ts";
import type { ProbeVm } from "../../scripts/probe/probe-vm.ts";
import { type Result, runProbe } from "../../scripts/probe/run-probe.ts";
import { aProbeVm } from "../../scripts/probe/testing/a-probe-vm.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { isOsDisk } from "../../src/emulator/model/vm/os-disk/render-os-disk.ts";
import { type AzureFixture, credential, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";

const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;

describe("the probe of what the driver relies on of Azure", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure({
      virtualMachines: [{ name: "vm-a" }, { name: "vm-b", zone: "2" }],
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
  });
  after(() => azure.close());

  /** The verdicts by experiment, of one that may stop the VM, with these settings of Azure. */
  async function verdicts(
    vmId: string,
    settings: Partial<ModelSettings>,
    mayDamage = true,
    seen: (request: ArmHttpRequest, answer: ArmHttpAnswer) => ArmHttpAnswer = (_, answer) => answer,
  ): Promise<Readonly<Record<string, string>>> {
    const { world } = azure.emulator.model;
    const present = world.settings;
    world.settings = { ...present, ...settings };
    const http = createArmHttp({
      endpoint: azure.emulator.url,
      credential: credential(azure.emulator),
      caPem: azure.emulator.caPem,
    });
    const vm: ProbeVm = aProbeVm({
      vmId: `${COMPUTE}/${vmId}`,
      diskId: `${COMPUTE}/disks/probe`,
      http: async (request) => seen(request, await http(request)),
    });
    const results: Result[] = [];
    try {
      await runProbe(vm, experiments, {
        choices: { mayStop: mayDamage, mayReimage: mayDamage, rounds: 1 },
        onResult: (result) => results.push(result),
        onLeft: (commands) => assert.deepEqual(commands, []),
      });
    } finally {
      world.settings = present;
    }
    assert.ok([...world.disks.values()].every(isOsDisk), "the probe's disk is gone");
    const untried = results.filter(({ name }) => /^E(?:3|4|7|10) /u.test(name));
    assert.ok(untried.every(({ verdict, detail }) => verdict === "not tried" && detail !== ""));
    return Object.fromEntries(
      results.filter((result) => !untried.includes(result)).map(({ name, verdict }) => [name, verdict]),
    );
  }
  const held = {
    "E1 If-Match": "held",
    "E2 ETag": "held",
    "E5 owners": "held",
    "E6 operations": "held",
    "E9 stopped VMs": "held",
    "E8 reimage": "held",
  };

  it("finds that all of it held on a VM, and damages one only where it may", async () => {
    assert.deepEqual(await verdicts("virtualMachines/vm-a", {}), held);
    assert.deepEqual(await verdicts("virtualMachines/vm-a", {}, false), {
      ...held,
      "E9 stopped VMs": "not tried",
      "E8 reimage": "not tried",
    });
  });

  it("finds the same on an instance of a uniform scale set", async () => {
    const instance = "virtualMachineScaleSets/pool/virtualMachines/0";
    assert.deepEqual(await verdicts(instance, {}), held);
  });

  const program = fileURLToPath(new URL("../../scripts/probe-azure.ts", import.meta.url));
  const run = promisify(execFile);

  /** The environment of a probe, and the flags by which it reaches this Azure with a file in that folder. */
  async function reachFrom(folder: string): Promise<{ reach: readonly string[]; env: NodeJS.ProcessEnv }> {
    const { url, caPem = "" } = azure.emulator;
    await writeFile(join(folder, "ca.pem"), caPem);
    return {
      reach: ["--endpoint", url, "--ca-file", join(folder, "ca.pem"), "--poll-ms", "5", "--json"],
      env: {
        ...process.env,
        ...{
          AZURE_AUTHORITY_HOST: url,
          AZURE_TENANT_ID: "t",
          AZURE_CLIENT_ID: "c",
          AZURE_CLIENT_SECRET: "s",
        },
      },
    };
  }

  it("says in a sentence why it can't begin, and tries nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "probe-azure-"));
    const flags = ["--subscription", SUBSCRIPTION_ID, "--resource-group", "rg", "--yes"];
    try {
      const { reach, env } = await reachFrom(folder);
      const { journal } = azure.emulator.model;
      const since = journal.lastSequence();
      for (const [vms, says] of [
        [
          ["--vm", "vm-c"],
          /^nothing was tried: GET \/subscr\S+\/vm-c was answered 404: \{"error":\{.*\}\}\n$/u,
        ],
        [
          ["--vm", "vm-a", "--second-vm", "vm-b"],
          /^nothing was tried: --vm vm-a is in no zone, and --second-vm vm-b in zone 2: a disk is shared by .*\n$/u,
        ],
      ] as const)
        await assert.rejects(run(process.execPath, [program, ...flags, ...vms, ...reach], { env }), {
          code: 2,
          stdout: "",
          stderr: says,
        });
      assert.ok(journal.since(since).every(({ method }) => method === "GET"));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("says why it ended early, where Azure makes it no disk", async () => {
    const folder = await mkdtemp(join(tmpdir(), "probe-azure-"));
    const flags = ["--subscription", SUBSCRIPTION_ID, "--resource-group", "rg", "--vm", "vm-a", "--yes"];
    const rule = azure.emulator.model.faults.add({
      operation: "Disks_CreateOrUpdate",
      effect: { kind: "Error", status: 403, code: "RequestDisallowedByPolicy" },
    });
    try {
      const { reach, env } = await reachFrom(folder);
      await assert.rejects(run(process.execPath, [program, ...flags, ...reach], { env }), {
        code: 2,
        stderr: "the probe ended early: the disk of the probe was not made: RequestDisallowedByPolicy\n",
      });
    } finally {
      azure.emulator.model.faults.remove(rule.id);
      await rm(folder, { recursive: true });
    }
  });

  it("is a program that begins only with --yes, and ends with what was broken", async () => {
    const folder = await mkdtemp(join(tmpdir(), "probe-azure-"));
    const flags = ["--subscription", SUBSCRIPTION_ID, "--resource-group", "rg", "--vm", "pool/0"];
    const { reach, env } = await reachFrom(folder);
    try {
      const plan = await run(process.execPath, [program, ...flags], { env });
      assert.match(plan.stdout, /E1 If-Match: .*\n[^]*About \d+ minutes on Azure, .*Begin with --yes/u);
      const twice = run(process.execPath, [program, ...flags, "--second-vm", "Pool/0"], { env });
      await assert.rejects(twice, { code: 2 });
      const probed = await run(process.execPath, [program, ...flags, ...reach, "--yes"], { env });
      const lines = probed.stdout.trim().split("\n");
      // The last one says what that means for a setting.
      assert.equal(lines.length, experiments.length + 1);
      assert.ok(lines.every((line) => (JSON.parse(line) as Result).verdict !== "broken"));
      const { world } = azure.emulator.model;
      const present = world.settings;
      world.settings = { ...present, etagMovedBy: "change" };
      const broken = run(process.execPath, [program, ...flags, ...reach, "--yes"], { env });
      await assert.rejects(broken, { code: 1 });
      world.settings = present;
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("names what is broken where Azure behaves otherwise", async () => {
    const instance = "virtualMachineScaleSets/pool/virtualMachines/0";
    assert.deepEqual(await verdicts(instance, { etagMovedBy: "change" }), {
      ...held,
      "E2 ETag": "broken",
      "E9 stopped VMs": "broken",
    });
    assert.deepEqual(await verdicts("virtualMachines/vm-a", { etagMovedBy: "change" }), {
      ...held,
      "E9 stopped VMs": "broken",
    });
  });

  for (const [what, text, other] of [
    ["vmId", /"vmId":"[^"]+"/u, '"vmId":"11111111-1111-1111-1111-111111111111"'],
    ["LUN", /"lun":0/u, '"lun":7'],
    ["list of data disks", /"dataDisks":\[.*?\]/u, '"dataDisks":[]'],
  ] as const)
    it(`finds a reimage broken after which the VM has another ${what}`, async () => {
      let reimages = 0;
      const seen = await verdicts("virtualMachines/vm-a", {}, true, ({ method, path }, answer) => {
        if (path.endsWith("/reimage")) reimages += 1;
        if (reimages !== 1 || method !== "GET" || !path.endsWith("/vm-a")) return answer;
        // Only the first read after it, so that the probe can clean up.
        reimages += 1;
        const body = JSON.stringify(answer.body);
        assert.match(body, text);
        return { ...answer, body: JSON.parse(body.replace(text, other)) as Json };
      });
      assert.deepEqual(seen, { ...held, "E8 reimage": "broken" });
    });

  it("says that it has not tried a reimage that Azure refuses", async () => {
    const rule = azure.emulator.model.faults.add({
      operation: "VirtualMachines_Reimage",
      effect: { kind: "Error", status: 409, code: "OperationNotAllowed" },
    });
    const seen = await verdicts("virtualMachines/vm-a", {});
    azure.emulator.model.faults.remove(rule.id);
    assert.deepEqual(seen, { ...held, "E8 reimage": "not tried" });
  });
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { type AzureChecks, checkAzure } from "../../src/compose/preflight/azure-checks.ts";
import type { Finding } from "../../src/compose/preflight/finding.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID, TENANT_ID } from "../emulator/azure-fixture.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute`;
const VM = `${COMPUTE}/virtualMachines/vm-a`;
const never = new AbortController().signal;

describe("the preflight of Azure", () => {
  let azure: AzureFixture;
  let role: readonly string[] = [];
  before(async () => {
    azure = await startAzure({ virtualMachines: [{ name: "vm-a", size: "Standard_D4s_v5" }] });
    const file = await readFile(join(ROOT, "deploy/azure/role.json"), "utf8");
    role = (JSON.parse(file) as { readonly Actions: readonly string[] }).Actions;
  });
  after(() => azure.close());

  /** What is found with these settings of Azure, by a client that may do what role.json says. */
  async function found(
    settings: Partial<ModelSettings> = {},
    changed: (checks: AzureChecks) => AzureChecks = (checks) => checks,
    config: { readonly aadClientSecret?: string; readonly location?: string } = {},
  ): Promise<readonly Finding[]> {
    const { world } = azure.emulator.model;
    const before = world.settings;
    world.settings = { ...before, permissions: { "*": role }, ...settings };
    const connected = connectAzure({
      config: {
        tenantId: TENANT_ID,
        aadClientId: "driver",
        aadClientSecret: "secret",
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: "rg",
        location: "eastus",
        resourceManagerEndpoint: azure.emulator.url,
        ...config,
      },
      environment: { AZURE_AUTHORITY_HOST: azure.emulator.url },
      caPem: azure.emulator.caPem,
      clock: systemClock,
    });
    assert.ok(connected.ok, JSON.stringify(connected));
    try {
      return await checkAzure(changed({ ...connected.value, clientId: "driver", instanceUri: VM }), never);
    } finally {
      world.settings = before;
    }
  }

  function missingIn(findings: readonly Finding[]): readonly string[] {
    return findings.filter(({ verdict }) => verdict === "missing").map(({ check }) => check);
  }

  it("finds nothing missing with the shipped role, and changes nothing", async () => {
    const { disks, snapshots, virtualMachines } = azure.emulator.model.world;
    const vm = [...virtualMachines.values()];
    const findings = await found();
    assert.deepEqual(
      findings.filter(({ verdict }) => verdict !== "ok"),
      [],
    );
    assert.equal(findings.length, 13);
    assert.deepEqual([disks.size, snapshots.size, [...virtualMachines.values()]], [0, 0, vm]);
  });

  const actions: readonly (readonly [action: string, checks: readonly string[]])[] = [
    ["disks/read", ["may read disks"]],
    ["disks/write", ["may write disks"]],
    ["disks/delete", ["may delete disks"]],
    ["snapshots/read", ["may read snapshots"]],
    ["snapshots/write", ["may write snapshots"]],
    ["disks/beginGetAccess/action", ["may write snapshots"]],
    ["snapshots/delete", ["may delete snapshots"]],
    ["locations/operations/read", ["may poll operations of VMs"]],
    ["locations/DiskOperations/read", ["may poll operations of disks"]],
    ["virtualMachines/read", ["may read its VM"]],
    ["virtualMachines/write", ["may write its VM"]],
    ["skus/read", ["may read VM sizes"]],
  ];
  for (const [action, checks] of actions) {
    it(`names a role without ${action}, and the command that grants it`, async () => {
      const permissions = { "*": role.filter((each) => each !== `Microsoft.Compute/${action}`) };
      const findings = await found({ permissions });
      assert.deepEqual(missingIn(findings), checks);
      const { detail, fix } = findings.find(({ verdict }) => verdict === "missing") ?? {};
      assert.match(detail ?? "", new RegExp(`Microsoft\\.Compute/${action}`, "u"));
      assert.match(
        fix ?? "",
        /^az role assignment create --role "Azure Disk CSI Driver V2" --assignee driver --scope \/subscriptions\/\S+$/u,
      );
    });
  }

  it("says that no role helps against a deny assignment", async () => {
    const findings = await found({ deniedActions: ["Microsoft.Compute/virtualMachines/write"] });
    assert.deepEqual(missingIn(findings), ["may write its VM"]);
    assert.match(findings.find(({ verdict }) => verdict === "missing")?.fix ?? "", /no role helps/u);
  });

  it("stops at a sign-in that fails", async () => {
    const findings = await found({}, (checks) => ({
      ...checks,
      arm: {
        ...checks.arm,
        listDisks: () =>
          checks.arm.listDisks({ ...checks.place, clientRequestId: "" }, never).then((answer) => ({
            ...answer,
            result: {
              ok: false as const,
              failure: {
                statusCode: 401,
                code: "AuthenticationError",
                message: "AADSTS7000222: The provided client secret keys are expired.\nTrace ID: 1",
                target: "",
                details: [],
                internalErrorCode: "",
                retryAfterMs: undefined,
                requestId: "",
              },
            },
          })),
      },
    }));
    assert.deepEqual(
      findings.map(({ check, verdict, detail }) => [check, verdict, detail]),
      [
        [
          "sign-in",
          "missing",
          "AuthenticationError: AADSTS7000222: The provided client secret keys are expired.",
        ],
      ],
    );
  });

  it("notices a service that ignores If-Match", async () => {
    const findings = await found({}, (checks) => ({
      ...checks,
      arm: {
        ...checks.arm,
        startVmUpdate: (request, signal) => checks.arm.startVmUpdate({ ...request, ifMatch: "*" }, signal),
      },
    }));
    assert.deepEqual(missingIn(findings), ["VM writes are conditional"]);
  });

  it("notices a region that is not the VM's", async () => {
    const findings = await found({}, undefined, { location: "West US" });
    assert.deepEqual(missingIn(findings), ["region"]);
    assert.match(findings.find(({ check }) => check === "region")?.fix ?? "", /azure\.location=eastus/u);
  });

  for (const [because, instanceUri, check] of [
    ["a VM that it can't find out", undefined, "own VM"],
    ["a VM of another subscription", VM.replace(SUBSCRIPTION_ID, "other"), "own VM"],
    ["a VM that is not there", `${COMPUTE}/virtualMachines/none`, "may read its VM"],
  ] as const) {
    it(`notices ${because}`, async () => {
      assert.deepEqual(missingIn(await found({}, (checks) => ({ ...checks, instanceUri }))), [check]);
    });
  }

  describe("as a program", () => {
    let directory = "";
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), "preflight-"));
      await writeFile(join(directory, "ca.pem"), azure.emulator.caPem ?? "");
    });
    after(() => rm(directory, { recursive: true }));

    async function preflight(): Promise<{ readonly code: number; readonly stdout: string }> {
      const flags = {
        "subscription-id": SUBSCRIPTION_ID,
        "resource-group": "rg",
        location: "eastus",
        "azure-endpoint": azure.emulator.url,
        "azure-ca-file": join(directory, "ca.pem"),
        "vm-resource-id": VM,
      };
      const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
      const env = {
        ...process.env,
        AZURE_AUTHORITY_HOST: azure.emulator.url,
        AZURE_TENANT_ID: TENANT_ID,
        AZURE_CLIENT_ID: "driver",
        AZURE_CLIENT_SECRET: "secret",
      };
      const command = [join(ROOT, "src/main.ts"), "preflight", "--without-kubernetes", "--json", ...args];
      return promisify(execFile)(process.execPath, command, { env }).then(
        ({ stdout }) => ({ code: 0, stdout }),
        (error: { readonly code: number; readonly stdout: string }) => error,
      );
    }

    it("ends with 0 where nothing is missing, and with 1 where something is", async () => {
      const fine = await preflight();
      assert.equal(fine.code, 0, fine.stdout);
      const { world } = azure.emulator.model;
      const before = world.settings;
      world.settings = { ...before, permissions: { "*": ["Microsoft.Compute/disks/*"] } };
      const lacking = await preflight();
      world.settings = before;
      assert.equal(lacking.code, 1);
      const findings = JSON.parse(lacking.stdout) as readonly Finding[];
      assert.ok(missingIn(findings).includes("may read its VM"));
    });
  });
});

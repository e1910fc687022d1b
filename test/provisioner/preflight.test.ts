import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { AzureConfig } from "../../src/adapters/azure-sdk/azure-config.ts";
import { connectAzure } from "../../src/adapters/azure-sdk/connect-azure.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { type AzureChecks, checkAzure } from "../../src/compose/preflight/azure-checks.ts";
import { describeFindings, type Finding } from "../../src/compose/preflight/finding.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { isOsDisk } from "../../src/emulator/model/vm/os-disk/render-os-disk.ts";
import type { ArmApi, ArmError } from "../../src/provisioner/arm/arm-api.ts";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID, TENANT_ID } from "../emulator/azure-fixture.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SUBSCRIPTION = `/subscriptions/${SUBSCRIPTION_ID}`;
const GROUP = `${SUBSCRIPTION}/resourceGroups/rg`;
const COMPUTE = `${GROUP}/providers/Microsoft.Compute`;
const VM = `${COMPUTE}/virtualMachines/vm-a`;
const never = new AbortController().signal;

describe("the preflight of Azure", () => {
  let azure: AzureFixture;
  let roles: readonly { readonly actions: readonly string[]; readonly scope: string }[] = [];
  before(async () => {
    azure = await startAzure({
      virtualMachines: [
        { name: "vm-a", size: "Standard_D4s_v5" },
        { name: "vm-edge", size: "Standard_D4s_v5", edgeZone: "losangeles" },
      ],
    });
    roles = [await shipped("role.json", GROUP), await shipped("role-subscription.json", SUBSCRIPTION)];
  });
  after(() => azure.close());

  async function shipped(file: string, scope: string): Promise<(typeof roles)[number]> {
    const text = await readFile(join(ROOT, "deploy/azure", file), "utf8");
    return { actions: (JSON.parse(text) as { readonly Actions: readonly string[] }).Actions, scope };
  }

  /** What is found with these settings of Azure, by a client with the shipped roles. */
  async function found(
    settings: Partial<ModelSettings> = {},
    changed: (checks: AzureChecks) => AzureChecks = (checks) => checks,
    config: Partial<AzureConfig> = {},
  ): Promise<readonly Finding[]> {
    const { world } = azure.emulator.model;
    const before = world.settings;
    world.settings = { ...before, permissions: { "*": roles }, ...settings };
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

  /** The checks with a service that refuses these calls. */
  function refusing(
    checks: AzureChecks,
    calls: readonly (keyof ArmApi)[],
    refusal: Pick<ArmError, "statusCode" | "code"> & { readonly message?: string },
  ): AzureChecks {
    const failure: ArmError = {
      message: "Refused.",
      target: "",
      details: [],
      internalErrorCode: "",
      retryAfterMs: undefined,
      requestId: "",
      ...refusal,
    };
    const answer = () => Promise.resolve({ result: { ok: false as const, failure }, remaining: [] });
    return { ...checks, arm: { ...checks.arm, ...Object.fromEntries(calls.map((call) => [call, answer])) } };
  }

  const all = [
    "listDisks",
    "startDiskUpdate",
    "startDiskDelete",
    "listSnapshots",
    "startSnapshotCreate",
    "startSnapshotDelete",
  ] as const;
  const writes = all.filter((call) => call.startsWith("start"));
  const ofWrites = ["may write disks", "may delete disks", "may write snapshots", "may delete snapshots"];
  it("asks for the right to power off VMs only where the driver is to do so", async () => {
    const asked = (checks: AzureChecks): AzureChecks => ({ ...checks, powersOff: true });
    assert.deepEqual(missingIn(await found()), []);
    const lacking = await found({}, asked);
    assert.deepEqual(missingIn(lacking), ["may power off VMs"]);
    assert.match(describeFindings(lacking), /"Azure Disk CSI Driver V2 Power Off"[^]*role-power-off\.json/u);
    const permissions = { "*": [...roles, await shipped("role-power-off.json", GROUP)] };
    const all = await found({ permissions }, asked);
    assert.deepEqual(
      all.filter(({ check }) => check === "may power off VMs").map(({ verdict }) => verdict),
      ["ok"],
    );
  });

  const refusals: readonly {
    readonly because: string;
    readonly settings?: Partial<ModelSettings>;
    readonly change: (checks: AzureChecks) => AzureChecks;
    readonly missing: readonly string[];
    readonly fix: RegExp;
  }[] = [
    {
      because: "a resource group that is not there",
      // Who may read no group of the subscription is not told that there is none.
      settings: { permissions: { "*": ["*"] } },
      change: (checks) => ({ ...checks, place: { ...checks.place, resourceGroup: "typo" } }),
      missing: ["may read disks"],
      fix: /^az group list --subscription \S+ --output table/u,
    },
    {
      because: "a subscription that is not there",
      change: (checks) => refusing(checks, all, { statusCode: 404, code: "SubscriptionNotFound" }),
      missing: ["may read disks"],
      fix: /^az account list --output table/u,
    },
    {
      because: "a lock of the resource group",
      change: (checks) =>
        refusing(checks, [...writes, "startVmUpdate"], { statusCode: 409, code: "ScopeLocked" }),
      missing: [...ofWrites, "may write its VM"],
      fix: /^az lock list --subscription \S+ --resource-group rg --output table, and az lock delete --ids /u,
    },
    {
      because: "a subscription that is not registered for Microsoft.Compute",
      change: (checks) =>
        refusing(checks, writes, { statusCode: 409, code: "MissingSubscriptionRegistration" }),
      missing: ofWrites,
      fix: /^az provider register --subscription \S+ --namespace Microsoft\.Compute$/u,
    },
  ];
  for (const { because, settings, change, missing, fix } of refusals)
    it(`names ${because}, and the command against it`, async () => {
      const findings = await found(settings, change);
      assert.deepEqual(missingIn(findings), missing);
      assert.match(findings.find(({ verdict }) => verdict === "missing")?.fix ?? "", fix);
    });

  for (const { statusCode, code } of [
    { statusCode: 409, code: "Conflict" },
    { statusCode: 400, code: "InvalidRequestContent" },
    { statusCode: 404, code: "InvalidResourceType" },
  ]) {
    it(`does not say that nothing is missing after ${statusCode} ${code}`, async () => {
      const findings = await found({}, (checks) => refusing(checks, all, { statusCode, code }));
      const unknowns = findings.filter(({ verdict }) => verdict === "unknown").map(({ check }) => check);
      const lists = ["may read disks", "may read snapshots"];
      assert.deepEqual(
        new Set(unknowns),
        new Set([...(statusCode === 404 ? [] : ["sign-in"]), ...lists, ...ofWrites]),
      );
      assert.match(describeFindings(findings), new RegExp(`\n${unknowns.length} unknown\n$`, "u"));
    });
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
    assert.ok([...disks.values()].every(isOsDisk));
    assert.deepEqual([snapshots.size, [...virtualMachines.values()]], [0, vm]);
  });

  for (const apiVersions of [["2024-07-01"], ["2019-04-01", "2024-07-01"]])
    it(`finds nothing missing or unknown in a cloud with ${apiVersions.join(" and ")} only`, async () => {
      const findings = await found({ apiVersions });
      assert.deepEqual(
        findings.filter(({ verdict }) => verdict !== "ok"),
        [],
      );
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
  for (const [action, checks] of actions)
    it(`names a role without ${action}, and the command that grants it`, async () => {
      const lacking = roles.map(({ actions: all, scope }) => ({
        actions: all.filter((each) => each !== `Microsoft.Compute/${action}`),
        scope,
      }));
      const permissions = { "*": lacking };
      const findings = await found({ permissions });
      assert.deepEqual(missingIn(findings), checks);
      const { detail, fix } = findings.find(({ verdict }) => verdict === "missing") ?? {};
      assert.match(detail ?? "", new RegExp(`Microsoft\\.Compute/${action}`, "u"));
      const [name, scope] = /^(?:locations|skus)\//u.test(action)
        ? ["Azure Disk CSI Driver V2 Subscription", SUBSCRIPTION]
        : ["Azure Disk CSI Driver V2", GROUP];
      const assign = `az role assignment create --role "${name}" --assignee driver --scope ${scope}`;
      const file = name.endsWith("Subscription") ? "role-subscription.json" : "role.json";
      assert.equal(
        fix,
        `${assign}\n` +
          `az role definition update --role-definition @${file} # where it is assigned, it lacks the action`,
      );
    });

  it("names what a role of the resource group alone does not give", async () => {
    const actions = roles.flatMap(({ actions: all }) => all);
    const findings = await found({ permissions: { "*": [{ actions, scope: GROUP }] } });
    assert.deepEqual(missingIn(findings), [
      "may poll operations of VMs",
      "may poll operations of disks",
      "may read VM sizes",
    ]);
  });

  it("says that no role helps against a deny assignment", async () => {
    const findings = await found({ deniedActions: ["Microsoft.Compute/virtualMachines/write"] });
    assert.deepEqual(missingIn(findings), ["may write its VM"]);
    assert.match(findings.find(({ verdict }) => verdict === "missing")?.fix ?? "", /no role helps/u);
  });

  it("stops at a sign-in that fails", async () => {
    const findings = await found({}, (checks) =>
      refusing(checks, ["listDisks"], {
        statusCode: 401,
        code: "AuthenticationError",
        message: "AADSTS7000222: The provided client secret keys are expired.\nTrace ID: 1",
      }),
    );
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

  it("notices a service that ignores If-Match, and waits for the update that it runs", async () => {
    let shown: string | undefined;
    const findings = await found({}, (checks) => ({
      ...checks,
      arm: {
        ...checks.arm,
        startVmUpdate: (request, signal) => {
          shown = undefined;
          return checks.arm.startVmUpdate({ ...request, ifMatch: "*" }, signal);
        },
        // Azure names no operation of an update that changes nothing.
        getVm: async (request, signal) => {
          const answer = await checks.arm.getVm(request, signal);
          shown = answer.result.ok ? answer.result.value.provisioningState : undefined;
          return answer;
        },
      },
    }));
    assert.deepEqual(missingIn(findings), ["VM writes are conditional"]);
    assert.equal(shown, "Succeeded");
  });

  it("does not write to a VM whose read has no ETag", async () => {
    const findings = await found({}, (checks) => ({
      ...checks,
      arm: {
        ...checks.arm,
        getVm: async (request, signal) => {
          const answer = await checks.arm.getVm(request, signal);
          const { result } = answer;
          return result.ok
            ? { ...answer, result: { ok: true, value: { ...result.value, etag: "" } } }
            : answer;
        },
        startVmUpdate: () => assert.fail("the VM was written to"),
      },
    }));
    assert.deepEqual(missingIn(findings), ["VM writes are conditional"]);
  });

  it("does not say that something is missing where it can't find out its VM", async () => {
    const findings = await found({}, (checks) => ({ ...checks, instanceUri: undefined }));
    assert.deepEqual(missingIn(findings), []);
    assert.match(describeFindings(findings), /\n1 unknown\n$/u);
  });

  for (const { because, name, vm, missing, detail } of [
    {
      because: "disks would be made in an edge zone in which the VM is not",
      name: "losangeles",
      vm: VM,
      missing: ["edge zone"],
      detail: /edge zone losangeles, and this VM is in no edge zone/u,
    },
    {
      because: "disks would be made in the region of a VM in an edge zone",
      name: undefined,
      vm: `${COMPUTE}/virtualMachines/vm-edge`,
      missing: ["edge zone"],
      detail: /no edge zone, and this VM is in edge zone losangeles/u,
    },
    {
      because: "disks are made in the edge zone of the VM",
      name: "LosAngeles",
      vm: `${COMPUTE}/virtualMachines/vm-edge`,
      missing: [],
      detail: /^LosAngeles$/u,
    },
  ])
    it(`says that ${because}`, async () => {
      const config =
        name === undefined ? {} : { extendedLocationName: name, extendedLocationType: "EdgeZone" };
      const findings = await found({}, (checks) => ({ ...checks, instanceUri: vm }), config);
      assert.deepEqual(missingIn(findings), missing);
      assert.match(findings.find(({ check }) => check === "edge zone")?.detail ?? "", detail);
    });

  it("notices a region that is not the VM's", async () => {
    const findings = await found({}, undefined, { location: "West US" });
    assert.deepEqual(missingIn(findings), ["region"]);
    assert.match(findings.find(({ check }) => check === "region")?.fix ?? "", /azure\.location=eastus/u);
  });

  for (const [because, instanceUri, check] of [
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

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Registry } from "prom-client";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { connectCloud } from "../../src/compose/connect/connect-cloud.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { findDisk } from "../../src/emulator/model/world.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import {
  aDiskRequest,
  diskUri,
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
} from "../contract/worlds/cloud-bench.ts";

type Values = Parameters<typeof connectCloud>[0];

describe("a role's connection to Azure", () => {
  let emulator: Emulator;
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "connect-cloud-"));
    emulator = await startEmulator({
      caFile: join(folder, "ca.pem"),
      resourceGroups: [{ subscriptionId: SUBSCRIPTION_ID, name: RESOURCE_GROUP, location: LOCATION }],
    });
    process.env["NO_PROXY"] = new URL(emulator.url).hostname;
  });
  after(async () => {
    delete process.env["NO_PROXY"];
    await emulator.close();
    await rm(folder, { recursive: true });
  });

  const registry = new Registry();
  const logged: string[] = [];
  const log = (message: string, fields?: object): void =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const valuesOf = (values: Partial<Values>): Values => ({
    cloudConfig: undefined,
    azureCloud: undefined,
    subscriptionId: undefined,
    resourceGroup: undefined,
    location: undefined,
    customUserAgent: undefined,
    userAgentSuffix: undefined,
    forceDetachAfterMs: 240_000,
    fenceRegularDetachMs: 30_000,
    ...values,
    azureEndpoint: emulator.url,
    azureCaFile: join(folder, "ca.pem"),
    azureTimeScale: 1,
    azureVmApiVersion: "2024-11-01",
    azureDiskApiVersion: "2025-01-02",
  });
  const connect = (values: Partial<Values>): ReturnType<typeof connectCloud> => {
    const ports = {
      clock: systemClock,
      random: systemRandom,
      registry,
      logger: { ...silentLogger, info: log, warn: log },
      lifetime: new AbortController().signal,
    };
    return connectCloud(valuesOf(values), ports);
  };
  const azureJson = async (content: object | string): Promise<string> => {
    const file = join(folder, "azure.json");
    await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
    return file;
  };
  const signIn = (): object => ({
    ...{ tenantId: "t", aadClientId: "c", aadClientSecret: "s" },
    activeDirectoryEndpoint: emulator.url,
  });
  const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION };

  it("comes from azure.json, or from flags and the environment, with budget metrics", async () => {
    const environment = {
      AZURE_AUTHORITY_HOST: emulator.url,
      AZURE_TENANT_ID: "tenant",
      AZURE_CLIENT_ID: "driver",
      AZURE_CLIENT_SECRET: "secret",
    };
    const file = await azureJson({
      ...place,
      tenantId: "t",
      aadClientId: "c",
      aadClientSecret: "s",
      activeDirectoryEndpoint: emulator.url,
      vmType: "standard",
    });
    const missing = async (values: Partial<Values>): Promise<string | undefined> => {
      const cloud = await connect(values);
      const read = await cloud.getDisk({ diskUri: diskUri("none") }, new AbortController().signal);
      return read.ok ? undefined : read.failure.kind;
    };
    assert.equal(await missing({ cloudConfig: file }), "DiskNotFound");
    assert.deepEqual(logged, [
      'azure.json has fields that the driver does not use {"unusedFields":["vmType"]}',
    ]);
    assert.match(await registry.metrics(), /^azuredisk_arm_calls_total\{group="diskRead"\} 1$/m);
    registry.clear();
    Object.assign(process.env, environment);
    try {
      const flags = {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        location: LOCATION,
      };
      assert.equal(await missing(flags), "DiskNotFound");
      registry.clear();
      delete process.env["AZURE_CLIENT_SECRET"];
      await assert.rejects(connect(flags), /aadClientSecret .*is missing/);
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
    }
  });

  it("leads to the edge zone of azure.json, and to none of which only half is stated", async () => {
    const edge = { ExtendedLocationName: "losangeles", extendedLocationType: "EdgeZone" };
    registry.clear();
    const cloudConfig = await azureJson({ ...place, ...signIn(), ...edge });
    const cloud = await connect({ cloudConfig });
    valueOf(await cloud.createDisk(aDiskRequest({ diskName: "in-edge" }), new AbortController().signal));
    const made = findDisk(emulator.model.world, diskUri("in-edge"));
    assert.deepEqual(made?.extendedLocation, { name: "losangeles", type: "EdgeZone" });
    registry.clear();
    await connect({ cloudConfig, location: "East US" });
    await assert.rejects(
      connect({ cloudConfig, location: "westus2" }),
      /--location: got "westus2"; location must be eastus or left out: losangeles is an edge zone of that/u,
    );
    const half = await azureJson({ ...place, ...signIn(), extendedLocationName: "losangeles" });
    await assert.rejects(
      connect({ cloudConfig: half }),
      /--cloud-config: got ".*azure\.json"; extendedLocationType is missing .* type EdgeZone$/u,
    );
  });

  it("goes to a cloud that has only older or newer API versions", async () => {
    const { world } = emulator.model;
    const { settings } = world;
    const replaced = "Azure does not have an API version, and another one is used";
    const supported = ["2022-03-01", "2023-04-02", "2024-07-01", "2026-04-01"];
    world.settings = { ...settings, apiVersions: supported };
    logged.length = 0;
    registry.clear();
    try {
      const cloud = await connect({ cloudConfig: await azureJson({ ...signIn(), ...place }) });
      const signal = new AbortController().signal;
      const vmUri = `${diskUri("x").replace(/disks.*/u, "virtualMachines/vm-a")}`;
      for (let repeated = 0; repeated < 2; repeated++) {
        const read = await cloud.getDisk({ diskUri: diskUri("none") }, signal);
        assert.equal(read.ok ? "" : read.failure.kind, "DiskNotFound");
      }
      await cloud.inspectInstance({ nodeName: "node-a", instanceUri: vmUri }, signal);
      assert.deepEqual(logged, [
        `${replaced} {"service":"disk","refused":"2025-01-02","used":"2024-07-01"}`,
        `${replaced} {"service":"vm","refused":"2024-11-01","used":"2024-07-01"}`,
      ]);
    } finally {
      world.settings = settings;
    }
  });

  it("outlives a file of settings that is being replaced when it signs in", async () => {
    const file = await azureJson({ ...place, ...signIn() });
    logged.length = 0;
    registry.clear();
    const cloud = await connect({ cloudConfig: file });
    await rm(file);
    const read = await cloud.getDisk({ diskUri: diskUri("none") }, new AbortController().signal);
    assert.equal(read.ok ? "" : read.failure.kind, "DiskNotFound");
    assert.match(logged.join(), /the last ones that could be are kept .*--cloud-config: got .*ENOENT/u);
  });

  it("logs settings that can't be used, and that they can be again", async () => {
    const { world } = emulator.model;
    const { settings } = world;
    const clients = { c: { tenant: "t", secret: "s", expired: true } };
    world.settings = { ...settings, identities: { tenants: ["t"], clients } };
    const content = { ...place, ...signIn() };
    const file = await azureJson(content);
    logged.length = 0;
    registry.clear();
    try {
      const cloud = await connect({ cloudConfig: file });
      const read = async (): Promise<string> => {
        const disk = await cloud.getDisk({ diskUri: diskUri("none") }, new AbortController().signal);
        return disk.ok ? "" : JSON.stringify(disk.failure);
      };
      await azureJson("{");
      assert.match(
        await read(),
        /AADSTS7000222.*; azure\.json: is neither a JSON object nor a YAML mapping/u,
      );
      world.settings = settings;
      await azureJson(content);
      assert.match(await read(), /DiskNotFound/u);
    } finally {
      world.settings = settings;
    }
    assert.deepEqual(logged, [
      "the Azure settings can't be used, and the last ones that could be are kept " +
        '{"field":"azure.json","problem":"is neither a JSON object nor a YAML mapping"}',
      'the Azure settings can be used, and no earlier ones are kept {"field":"azure.json"}',
    ]);
  });

  // As the node's tools replace the file in a folder of the node that is mounted.
  it("signs in as the file says that has taken the place of the one at the start", async () => {
    const file = await azureJson({ ...place, ...signIn(), aadClientId: "before" });
    registry.clear();
    const cloud = await connect({ cloudConfig: file });
    const next = join(folder, "next.json");
    await writeFile(next, JSON.stringify({ ...place, ...signIn(), aadClientId: "after" }), { mode: 0o600 });
    await rename(next, file);
    const since = emulator.model.journal.lastSequence();
    const read = await cloud.getDisk({ diskUri: diskUri("none") }, new AbortController().signal);
    assert.equal(read.ok ? "" : read.failure.kind, "DiskNotFound");
    const callers = emulator.model.journal
      .since(since)
      .flatMap(({ kind, caller }) => (kind === "arm" ? [caller] : []));
    assert.deepEqual(callers, ["after"]);
  });

  for (const { variable, value } of [
    { variable: "HTTPS_PROXY", value: "user:of-the-proxy@proxy:3128" },
    { variable: "HTTPS_PROXY", value: "http://user:of-the-proxy#1@proxy:3128" },
    { variable: "all_proxy", value: "socks5://user:of-the-proxy@proxy:3128" },
  ])
    it(`is refused without the password of ${variable}=${value}`, async (t) => {
      process.env[variable] = value;
      delete process.env["NO_PROXY"];
      t.after(() => {
        delete process.env[variable];
        process.env["NO_PROXY"] = new URL(emulator.url).hostname;
      });
      await assert.rejects(
        connect({ cloudConfig: await azureJson({ ...signIn(), ...place }) }),
        ({ message }: Error) =>
          message.startsWith(`${variable}: expected`) && !message.includes("of-the-proxy"),
      );
    });

  // In a process of its own: the SDK reads NO_PROXY once in a process.
  for (const { variable, value } of [
    { variable: "HTTPS_PROXY", value: "user:of-the-proxy@proxy:3128" },
    { variable: "ALL_PROXY", value: "socks5://user:of-the-proxy@proxy:3128" },
  ])
    it(`needs no ${variable}=${value} where NO_PROXY names what is called`, async () => {
      const values = valuesOf({ cloudConfig: await azureJson({ ...signIn(), ...place }) });
      const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url));
      const script = `
        import { Registry } from "prom-client";
        import { systemClock } from ${source("adapters/system/system-clock.ts")};
        import { systemRandom } from ${source("adapters/system/system-random.ts")};
        import { connectCloud } from ${source("compose/connect/connect-cloud.ts")};
        import { silentLogger } from ${source("ports/testing/silent-logger.ts")};
        const logged = [];
        const log = (message, fields) => void logged.push({ message, ...fields });
        const ending = new AbortController();
        const cloud = await connectCloud(${JSON.stringify(values)}, {
          clock: systemClock,
          random: systemRandom,
          registry: new Registry(),
          logger: { ...silentLogger, info: log, warn: log },
          lifetime: ending.signal,
        });
        const read = await cloud.getDisk({ diskUri: ${JSON.stringify(diskUri("none"))} }, ending.signal);
        ending.abort();
        process.stdout.write(JSON.stringify({ read, logged }));`;
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
        env: { ...process.env, [variable]: value },
      });
      const { read, logged: all } = JSON.parse(stdout) as {
        readonly read: { readonly failure?: { readonly kind: string } };
        readonly logged: readonly { readonly message: string; readonly variable?: string }[];
      };
      assert.equal(read.failure?.kind, "DiskNotFound", stdout);
      const warnings = all.filter(({ message }) => message.includes("no call to Azure needs it"));
      assert.deepEqual(
        warnings.map((warning) => warning.variable),
        [variable],
      );
      assert.doesNotMatch(stdout, /of-the-proxy/u);
    });

  it("is refused with the name of a flag that is of another cloud", async () => {
    const file = await azureJson({
      ...signIn(),
      ...place,
      cloud: "AzurePublicCloud",
      activeDirectoryEndpoint: "https://login.microsoftonline.com",
    });
    await assert.rejects(
      connect({ cloudConfig: file, azureCloud: "AzureChinaCloud" }),
      /^Error: --azure-cloud: got "AzureChinaCloud"; cloud is AzureChinaCloud, but the authority .* AzurePublicCloud$/,
    );
  });

  it("is refused with the name of the invalid file and field", async () => {
    await assert.rejects(
      connect({ cloudConfig: await azureJson("{") }),
      /^Error: --cloud-config: got ".*azure\.json"; azure\.json is neither a JSON object nor a YAML mapping$/,
    );
    await assert.rejects(
      connect({ cloudConfig: await azureJson({ ...place, useManagedIdentityExtension: "true" }) }),
      /--cloud-config: got ".*"; useManagedIdentityExtension is a text in .*: write true or false/,
    );
    await assert.rejects(
      connect({ cloudConfig: await azureJson({ ...place, location: undefined }) }),
      /--location: location is missing/,
    );
  });
});

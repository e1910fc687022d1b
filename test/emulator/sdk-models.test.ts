import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ArmAnswer, ArmRequest } from "../../src/emulator/model/api/arm-message.ts";
import { isObject, type Json, objectAt, withoutMembers } from "../../src/emulator/model/api/json.ts";
import { asDescribed } from "../../src/emulator/model/api/request/described-body.ts";
import { MEMBER_NAMES } from "../../src/emulator/model/api/request/member-names.ts";
import { ARM_ROUTES } from "../../src/emulator/model/api/routes.ts";
import { aModel, COMPUTE, diskBody } from "../../src/emulator/model/testing/model-fixture.ts";

const SDK = join(dirname(fileURLToPath(import.meta.resolve("@azure/arm-compute/package.json"))), "dist/esm");
const ROOT = join(import.meta.dirname, "../..");
/** Azure sends these, although its description does not have them. */
const BEYOND_THE_MODEL = [
  // The list of SKUs writes it with a capital letter; the description does not.
  "value[].locationInfo[].zoneDetails[].Name",
];

/** Polls are part of each call; `run-command.test.ts` has what needs guests. */
const ELSEWHERE = /^Operations_Get$|_RunCommand$/u;

const LATEST = "2026-04-01";
const COMPILER_OPTIONS = {
  target: "es2024",
  module: "nodenext",
  moduleResolution: "nodenext",
  types: [],
  noEmit: true,
  skipLibCheck: true,
  strict: true,
};

/** One successful answer with a body. */
interface Answered {
  readonly operation: string;
  readonly status: number;
  readonly body: Json;
}

type Deserialize = (result: { readonly status: string; readonly body: unknown }) => Promise<unknown>;

describe("answers beside the models of the official SDK", () => {
  const { walked, answers } = answersOfAllOperations();

  it("covers every operation of the compute provider, with a body where one is read", () => {
    const withBody = new Set(answers.map(({ operation }) => operation));
    const routes = ARM_ROUTES.filter(
      ({ operation, pattern }) =>
        pattern.includes("Microsoft.Compute") &&
        // The tags of a resource are not the compute provider's.
        !pattern.includes("Microsoft.Resources") &&
        !ELSEWHERE.test(operation),
    );
    const lacking = routes.filter(
      ({ operation, method }) => !(method === "GET" ? withBody : walked).has(operation),
    );
    assert.deepEqual(
      lacking.map(({ operation }) => operation),
      [],
    );
  });

  it("has only members that the model of its operation declares", async () => {
    const unknown = new Set<string>();
    for (const { operation, status, body } of answers) {
      const read = new Set<string>();
      await (
        await deserializerOf(operation)
      )({ status: String(status), body: watched(body, "", read) });
      for (const path of pathsOf(body, ""))
        if (!read.has(path) && !BEYOND_THE_MODEL.includes(path)) unknown.add(`${operation}: ${path}`);
    }
    assert.deepEqual([...unknown], []);
  });

  it("is a resource that can be sent back in any case, and with its values in quotes", () => {
    const plain = answers.map(({ body }) => JSON.parse(JSON.stringify(body)) as Json);
    const resources = plain
      .flatMap((body) => (isObject(body) && Array.isArray(body["value"]) ? (body["value"] as Json[]) : body))
      .filter((resource) => isObject(resource) && isObject(resource["properties"]) && "id" in resource);
    assert.ok(resources.length > 50, `${resources.length} resources`);
    for (const resource of resources.map(withoutView)) {
      assert.deepEqual(asDescribed(inCapitals(resource)), resource);
      assert.deepEqual(asDescribed(inQuotes(resource)), resource);
    }
  });

  it("has every member that the model requires, each of its type", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sdk-models-"));
    try {
      const lines = await Promise.all(
        answers.map(async ({ operation, status, body }, index) => {
          const value = await (await deserializerOf(operation))({ status: String(status), body });
          const type = `Awaited<ReturnType<typeof import("${moduleOf(operation)}").${nameOf(operation)}>>`;
          return `export const _${index}_${operation}: ${type} = ${literal(value)};`;
        }),
      );
      await writeFile(join(folder, "answers.ts"), `${lines.join("\n")}\n`);
      await writeFile(
        join(folder, "tsconfig.json"),
        JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ["answers.ts"] }),
      );
      const compiled = await promisify(execFile)(process.execPath, [
        join(ROOT, "node_modules/typescript/bin/tsc"),
        "--project",
        folder,
      ]).catch((error: { readonly code: number; readonly stdout: string; readonly stderr: string }) => error);
      const ended = "code" in compiled ? compiled.code : 0;
      assert.deepEqual([ended, compiled.stdout, compiled.stderr], [0, "", ""]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("the members of bodies that the emulator knows", () => {
  it("are members of the models", async () => {
    const files = ["models", "common/models", "compute/models", "computeDisk/models"];
    const sources = await Promise.all(
      files.map((file) => readFile(join(SDK, "models", `${file}.js`), "utf8")),
    );
    // `name: item["name"]`, of which the emulator has the name on the wire.
    const wireNames = sources.flatMap((source) =>
      Array.from(source.matchAll(/item\["(\w+)"\]|(\w+): /g), ([, read, written]) => read ?? written),
    );
    const known = new Set(wireNames);
    assert.deepEqual(
      MEMBER_NAMES.filter((name) => !known.has(name)),
      [],
    );
  });
});

/** A resource without its instance view, which no write states. */
function withoutView(resource: Json): Json {
  const properties = withoutMembers(objectAt(resource, "properties") ?? {}, ["instanceView"]);
  return { ...objectAt(resource), properties };
}

/** A document with its members in capitals, but for those that a client names. */
function inCapitals(value: Json): Json {
  if (Array.isArray(value)) return value.map(inCapitals);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member = null]) => [
      name.toUpperCase(),
      name === "tags" ? member : inCapitals(member),
    ]),
  );
}

function inQuotes(value: Json): Json {
  if (Array.isArray(value)) return value.map(inQuotes);
  if (!isObject(value)) return typeof value === "number" || typeof value === "boolean" ? `${value}` : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member = null]) => [
      name,
      name === "instanceView" ? member : inQuotes(member),
    ]),
  );
}

/** What the emulator answers to every operation that it has, first answers and results alike. */
function answersOfAllOperations(): {
  readonly walked: ReadonlySet<string>;
  readonly answers: readonly Answered[];
} {
  const fixture = aModel({ virtualMachines: [{ name: "node-a" }, { name: "node-b", zone: "2" }] });
  const answers: Answered[] = [];
  const walked = new Set<string>();
  const send = (method: ArmRequest["method"], path: string, body?: Json): ArmAnswer => {
    const answer = fixture.send(method, path, body, { query: { ...queryOf(path), "api-version": LATEST } });
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    const operation = fixture.model.journal.since(answer.sequence - 1)[0]?.operation ?? "";
    walked.add(operation);
    const keep = (status: number, content: Json | undefined): void => {
      if (content !== undefined) answers.push({ operation, status, body: content });
    };
    keep(answer.status, answer.body);
    fixture.settle();
    const { location } = answer.headers;
    if (location !== undefined) {
      const url = new URL(location);
      const query = Object.fromEntries(url.searchParams);
      const result = fixture.model.handle({ method: "GET", path: url.pathname, query });
      assert.equal(result.status, 200, `${method} ${path}: ${JSON.stringify(result.body)}`);
      keep(200, result.body);
    }
    return answer;
  };
  const id = (path: string): string => `${COMPUTE}/${path}`;
  const subscription = COMPUTE.replace(/\/resourceGroups\/rg/, "");

  send("PUT", "diskEncryptionSets/keys", {
    location: "eastus",
    identity: { type: "SystemAssigned" },
    properties: { activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" } },
  });
  send("PATCH", "diskEncryptionSets/keys", { tags: { team: "storage" } });
  send("PUT", "diskAccesses/private", { location: "eastus", properties: {} });
  send("PATCH", "diskAccesses/private", { tags: { team: "storage" } });
  send("PUT", "disks/data", diskBody());
  send("PUT", "disks/shared", {
    ...(diskBody({ sku: "PremiumV2_LRS", properties: { maxShares: 2 } }) as object),
    tags: { team: "storage" },
  });
  send("PATCH", "disks/data", { properties: { diskSizeGB: 256 } });
  send("PUT", "disks/encrypted", {
    location: "eastus",
    sku: { name: "Premium_ZRS" },
    properties: {
      creationData: { createOption: "Empty" },
      diskSizeGB: 1024,
      burstingEnabled: true,
      encryption: {
        type: "EncryptionAtRestWithCustomerKey",
        diskEncryptionSetId: id("diskEncryptionSets/keys"),
      },
      networkAccessPolicy: "AllowPrivate",
      diskAccessId: id("diskAccesses/private"),
    },
  });
  for (const name of ["data", "shared"])
    send("PUT", `snapshots/of-${name}`, {
      location: "eastus",
      properties: {
        creationData: { createOption: "Copy", sourceResourceId: id(`disks/${name}`) },
        incremental: true,
      },
    });
  send("PATCH", "snapshots/of-data", { tags: { team: "storage" } });
  for (const path of ["disks/encrypted", "snapshots/of-data"]) {
    send("POST", `${path}/beginGetAccess`, { access: "Read", durationInSeconds: 60 });
    send("GET", path);
    send("POST", `${path}/endGetAccess`);
  }

  send("PUT", "availabilitySets/set", { location: "eastus", sku: { name: "Aligned" } });
  send("PATCH", "availabilitySets/set", { tags: { team: "storage" } });
  const vmBody = {
    location: "eastus",
    properties: {
      hardwareProfile: { vmSize: "Standard_D4s_v5" },
      availabilitySet: { id: id("availabilitySets/set") },
      networkProfile: { networkInterfaces: [] },
      osProfile: { computerName: "vm", adminUsername: "azure" },
      storageProfile: {
        osDisk: { createOption: "FromImage" },
        dataDisks: [{ lun: 0, createOption: "Empty", diskSizeGB: 8 }],
      },
    },
  };
  send("PUT", "virtualMachines/vm", vmBody);
  send("PATCH", "virtualMachines/vm", { tags: { team: "storage" } });
  send("POST", "virtualMachines/node-a/attachDetachDataDisks", {
    dataDisksToAttach: [{ diskId: id("disks/data") }, { diskId: id("disks/shared"), lun: 5 }],
  });
  send("POST", "virtualMachines/node-a/attachDetachDataDisks", {
    dataDisksToDetach: [{ diskId: id("disks/data"), detachOption: "ForceDetach" }],
  });
  for (const action of ["reapply", "restart", "redeploy", "reimage", "powerOff", "deallocate", "start"])
    send("POST", `virtualMachines/vm/${action}`);
  send("PUT", "virtualMachines/spot", {
    location: "eastus",
    properties: { priority: "Spot", networkProfile: {} },
  });
  send("POST", "virtualMachines/spot/simulateEviction");

  send("PUT", "virtualMachineScaleSets/pool", {
    location: "eastus",
    zones: ["1", "2"],
    sku: { name: "Standard_D8s_v5", capacity: 2 },
    properties: {
      orchestrationMode: "Uniform",
      upgradePolicy: { mode: "Rolling" },
      virtualMachineProfile: {
        priority: "Spot",
        evictionPolicy: "Deallocate",
        billingProfile: { maxPrice: -1 },
        userData: "aGVsbG8=",
        osProfile: { computerNamePrefix: "worker", adminUsername: "azure", adminPassword: "secret" },
        scheduledEventsProfile: { terminateNotificationProfile: { enable: true, notBeforeTimeout: "PT5M" } },
        extensionProfile: {
          extensions: [{ name: "health", properties: { type: "ApplicationHealthLinux" } }],
        },
        networkProfile: {
          healthProbe: { id: "/probe" },
          networkInterfaceConfigurations: [
            { name: "nic", properties: { primary: true, ipConfigurations: [] } },
          ],
        },
        storageProfile: { dataDisks: [{ lun: 3, createOption: "Empty", diskSizeGB: 8 }] },
      },
    },
  });
  send("PATCH", "virtualMachineScaleSets/pool", { tags: { team: "storage" } });
  send("PUT", "virtualMachineScaleSets/pool/virtualMachines/0", { location: "eastus" });
  send("POST", "virtualMachineScaleSets/pool/virtualMachines/0/attachDetachDataDisks", {
    dataDisksToAttach: [{ diskId: id("disks/data") }],
  });
  for (const action of ["restart", "redeploy", "reimage", "powerOff", "deallocate", "start"]) {
    send("POST", `virtualMachineScaleSets/pool/virtualMachines/0/${action}`);
    send("POST", `virtualMachineScaleSets/pool/${action}`);
  }
  for (const action of ["reimageAll", "reapply"]) send("POST", `virtualMachineScaleSets/pool/${action}`);
  send("POST", "virtualMachineScaleSets/pool/virtualMachines/0/reimageAll");
  send("PUT", "virtualMachineScaleSets/spots", {
    location: "eastus",
    sku: { name: "Standard_D8s_v5", capacity: 1 },
    properties: { virtualMachineProfile: { priority: "Spot" } },
  });
  send("POST", "virtualMachineScaleSets/spots/virtualMachines/0/simulateEviction");
  send("POST", "virtualMachineScaleSets/pool/manualupgrade", { instanceIds: ["0"] });
  send("POST", "virtualMachineScaleSets/pool/osRollingUpgrade");

  send("PUT", "virtualMachineScaleSets/flex", {
    location: "eastus",
    sku: { name: "Standard_D8s_v5", capacity: 1 },
    properties: {
      orchestrationMode: "Flexible",
      virtualMachineProfile: {
        priority: "Spot",
        userData: "aGVsbG8=",
        networkProfile: { networkApiVersion: "2022-11-01" },
      },
    },
  });

  const ofFlex = `'virtualMachineScaleSet/id' eq '${id("virtualMachineScaleSets/flex")}'`;
  const types = ["disks", "snapshots", "virtualMachines", "virtualMachineScaleSets", "availabilitySets"];
  for (const type of [...types, "diskEncryptionSets", "diskAccesses"]) {
    send("GET", type);
    send("GET", `${subscription}/${type}`);
  }
  for (const path of [
    ...["disks/data", "disks/shared", "disks/encrypted", "snapshots/of-data", "snapshots/of-shared"],
    ...["diskEncryptionSets/keys", "diskEncryptionSets/keys/associatedResources", "diskAccesses/private"],
    ...[
      "virtualMachines/node-a",
      "virtualMachines/vm?$expand=instanceView",
      "virtualMachines/vm/instanceView",
    ],
    ...["availabilitySets/set", "virtualMachineScaleSets/pool"],
    ...["rollingUpgrades/latest", "instanceView", "skus"].map(
      (path) => `virtualMachineScaleSets/pool/${path}`,
    ),
    ...["virtualMachines/vm/vmSizes", "availabilitySets/set/vmSizes"],
    `virtualMachines?$expand=instanceView&$filter=${ofFlex}`,
    "virtualMachineScaleSets/pool/virtualMachines?$expand=instanceView",
    "virtualMachineScaleSets/pool/virtualMachines/0?$expand=instanceView",
    "virtualMachineScaleSets/pool/virtualMachines/0/instanceView",
    ...["skus", "locations/eastus/usages", "locations/eastus/vmSizes"].map(
      (path) => `${subscription}/${path}`,
    ),
    "/providers/Microsoft.Compute/operations",
    `${subscription}/virtualMachines?statusOnly=true`,
    ...["virtualMachines", "virtualMachineScaleSets"].map(
      (type) => `${subscription}/locations/eastus/${type}`,
    ),
  ])
    send("GET", path);

  fixture.send("POST", "virtualMachineScaleSets/pool/osRollingUpgrade");
  send("POST", "virtualMachineScaleSets/pool/rollingUpgrades/cancel");
  send("POST", "virtualMachineScaleSets/pool/delete", { instanceIds: ["1"] });
  for (const path of [
    "virtualMachineScaleSets/pool/virtualMachines/0",
    ...[
      "virtualMachineScaleSets/pool",
      "virtualMachines/node-a",
      "virtualMachines/vm",
      "availabilitySets/set",
    ],
    ...["snapshots/of-data", "disks/encrypted", "diskEncryptionSets/keys", "diskAccesses/private"],
  ])
    send("DELETE", path);
  return { walked, answers };
}

function queryOf(path: string): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(path.split("?")[1] ?? ""));
}

function moduleOf(operation: string): string {
  const [group = ""] = operation.split("_");
  return join(SDK, "api", lowerFirst(group), "operations.js");
}

function nameOf(operation: string): string {
  const [, verb = ""] = operation.split("_");
  return verb === "Delete" ? "_$deleteDeserialize" : `_${lowerFirst(verb)}Deserialize`;
}

async function deserializerOf(operation: string): Promise<Deserialize> {
  const found = ((await import(moduleOf(operation))) as Record<string, Deserialize | undefined>)[
    nameOf(operation)
  ];
  assert.ok(found, `the SDK has no ${operation}`);
  return found;
}

/** The same value, noting each member that is read from it: `properties.shareInfo[].vmUri`. */
function watched(value: unknown, path: string, read: Set<string>): unknown {
  if (Array.isArray(value)) return value.map((each) => watched(each, `${path}[]`, read));
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value as Record<string, unknown>, {
    get: (target, member) => {
      if (typeof member === "symbol") return undefined;
      const at = path === "" ? member : `${path}.${member}`;
      read.add(at);
      return watched(target[member], at, read);
    },
  });
}

/** The members of a value, those of its parts included. */
function pathsOf(value: Json | undefined, path: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((each: Json) => pathsOf(each, `${path}[]`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([member, content]) => {
    const at = path === "" ? member : `${path}.${member}`;
    return content === undefined ? [] : [at, ...pathsOf(content, at)];
  });
}

/** A value as the text of a program. */
function literal(value: unknown): string {
  if (value instanceof Date) return `new Date(${JSON.stringify(value)})`;
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(JSON.stringify(value));
  const members = Object.entries(value).filter(([, content]) => content !== undefined);
  return `{ ${members.map(([member, content]) => `${JSON.stringify(member)}: ${literal(content)}`).join(", ")} }`;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

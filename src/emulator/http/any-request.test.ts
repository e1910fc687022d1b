import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isObject, type Json, type JsonObject } from "../model/api/json.ts";
import type { Route } from "../model/api/router.ts";
import { ARM_ROUTES } from "../model/api/routes.ts";
import { dumpWorld } from "../model/dump.ts";
import { aModel, COMPUTE, diskBody, listBody, type ModelFixture } from "../model/testing/model-fixture.ts";
import { dispatch } from "./dispatch.ts";
import type { HttpRequest } from "./http-exchange.ts";

const location = "eastus";
const idOf = (type: string, name: string): string => `${COMPUTE}/${type}/${name}`;
const SNAPSHOT = {
  location,
  properties: {
    creationData: { createOption: "Copy", sourceResourceId: idOf("disks", "d") },
    incremental: true,
  },
};
const DISK = {
  location,
  zones: ["1"],
  sku: { name: "Premium_LRS" },
  tags: { a: "1" },
  properties: {
    creationData: { createOption: "Copy", sourceResourceId: idOf("snapshots", "s") },
    diskSizeGB: 256,
    diskIOPSReadWrite: 1100,
    diskMBpsReadWrite: 125,
    maxShares: 2,
    tier: "P15",
    networkAccessPolicy: "AllowAll",
    encryption: { type: "EncryptionAtRestWithPlatformKey" },
  },
};
const VM = {
  location,
  zones: ["1"],
  tags: { a: "1" },
  identity: { type: "SystemAssigned" },
  properties: {
    hardwareProfile: { vmSize: "Standard_D8s_v5" },
    networkProfile: { networkInterfaces: [{ id: "/nic" }] },
    additionalCapabilities: { ultraSSDEnabled: true },
    osProfile: { computerName: "node", adminPassword: "p" },
    scheduledEventsProfile: { terminateNotificationProfile: { enable: true, notBeforeTimeout: "PT5M" } },
    storageProfile: {
      osDisk: { name: "os", createOption: "FromImage", managedDisk: { storageAccountType: "Premium_LRS" } },
      dataDisks: [
        { lun: 0, createOption: "Attach", caching: "None", managedDisk: { id: idOf("disks", "d") } },
        { lun: 1, createOption: "Empty", name: "made", diskSizeGB: 8, deleteOption: "Delete" },
      ],
    },
  },
};
const SCALE_SET = {
  location,
  sku: { name: "Standard_D8s_v5", capacity: 1 },
  properties: {
    upgradePolicy: {
      mode: "Rolling",
      rollingUpgradePolicy: { maxBatchInstancePercent: 20, pauseTimeBetweenBatches: "PT0S" },
      automaticOSUpgradePolicy: { enableAutomaticOSUpgrade: true },
    },
    virtualMachineProfile: {
      storageProfile: { dataDisks: [{ lun: 0, createOption: "Empty", diskSizeGB: 8 }] },
      networkProfile: { healthProbe: { id: "/probe" } },
      extensionProfile: { extensions: [{ name: "e", properties: { type: "ApplicationHealthLinux" } }] },
    },
  },
};
/** By the end of a route's operation: a body that it takes. */
const BODIES: readonly (readonly [operations: RegExp, body: JsonObject])[] = [
  [/^Disks_(Create|Update)/, DISK],
  [/^Snapshots_(Create|Update)/, SNAPSHOT],
  [/GrantAccess$/, { access: "Read", durationInSeconds: 60, getSecureVMGuestStateSAS: false }],
  [
    /AttachDetachDataDisks$/,
    {
      dataDisksToAttach: [{ diskId: idOf("disks", "d"), lun: 3, caching: "None" }],
      dataDisksToDetach: [{ diskId: idOf("disks", "e"), detachOption: "ForceDetach" }],
    },
  ],
  [/RunCommand$/, { commandId: "RunShellScript", script: ["true"], parameters: [{ name: "a", value: "1" }] }],
  [/^VirtualMachine(ScaleSetVM)?s_(Create|Update)/, VM],
  [/^VirtualMachineScaleSets_(Create|Update$)/, SCALE_SET],
  [/^VirtualMachineScaleSets_/, { instanceIds: ["0", "1"] }],
  [
    /^DiskEncryptionSets/,
    { location, identity: { type: "SystemAssigned" }, properties: { activeKey: { keyUrl: "https://v/k" } } },
  ],
  [/./, { location, sku: { name: "Aligned" }, properties: { platformFaultDomainCount: 2 } }],
];
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  subscriptionId: ["sub-1"],
  resourceGroup: ["rg"],
  scaleSet: ["set", "new-set"],
  location: [location],
};
/** By the type before the name in the path. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  disks: ["d", "e", "new", "new-2"],
  snapshots: ["s", "new"],
  virtualMachines: ["node-a", "node-b", "0", "new"],
};
const ODD_NAMES = ["none", "ü💥", "a".repeat(300), "__proto__", "constructor", "*", "%", "a b", "'"];
const JUNK: readonly Json[] = [
  ...[null, true, false, -1, 0, 1.5, 64, 1e300, -1e300, 2 ** 53],
  ...["", " ", "none", "ü\u0000💥", "a".repeat(300), "P", "PT", "Copy", "/", "//////", "%", "*"],
  ...["1", "1023", "true", "9".repeat(400)],
  ...[COMPUTE, idOf("disks", "d"), idOf("disks", "none"), idOf("snapshots", "s"), idOf("snapshots", "none")],
  ...[[], {}, [null], [[]], [{}], { properties: {} }, ["1", "1"], Array.from({ length: 70 }, () => ({}))],
  JSON.parse('{"__proto__": {"lun": 1}, "constructor": 1, "toString": null}') as Json,
];
const TEXTS = ["", " ", "{", "[]", "null", "1", '"a"', "\u0000", "{}x", '{"a":1,"a":2}', "\uFEFF{}"];
const METHODS = ["OPTIONS", "TRACE", "MERGE", "HEAD", "GET", "PUT", "PATCH", "POST", "DELETE"];
const TYPES = ["", "text/plain", "application/json;charset=utf-16", "multipart/form-data"];
const QUERIES = ["$expand", "$filter", "$top", "$skiptoken", "statusOnly", "forceDeletion", "hibernate"];
const VALUES = ["", "true", "instanceView", "x eq 'y'", "'", "(", "-1", "\u0000", "a".repeat(300)];

/** Mostly as it should be. */
function mostly<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 14, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

function pathOf({ pattern }: Route): fc.Arbitrary<string> {
  const segments = pattern.split("/").map((segment, index, all) => {
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined) return fc.constant(segment);
    const usual = PARAMETERS[name] ?? NAMES[all[index - 1] ?? ""] ?? ["new"];
    return mostly(fc.constantFrom(...usual), fc.constantFrom(...ODD_NAMES));
  });
  return fc.tuple(...segments).map((texts) => texts.join("/"));
}

function bodyOf({ operation }: Route): fc.Arbitrary<string> {
  const [, base = {}] = BODIES.find(([operations]) => operations.test(operation)) ?? [];
  const changes = fc.array(fc.record({ part: fc.nat(50), to: fc.constantFrom(...JUNK) }), { maxLength: 2 });
  const changed = changes.map((all) =>
    JSON.stringify(all.reduce((body: Json, { part, to }) => withPart(body, part, to), base)),
  );
  const deep = fc.constantFrom(63, 64, 65, 200_000);
  return mostly(
    changed,
    fc.oneof(
      fc.constantFrom(...TEXTS),
      deep.map((depth) => `${'{"properties":'.repeat(depth)}1${"}".repeat(depth)}`),
    ),
  );
}

const request: fc.Arbitrary<HttpRequest> = fc
  .constantFrom(...ARM_ROUTES)
  .chain((route) =>
    fc.record({
      method: mostly(fc.constant<string>(route.method), fc.constantFrom(...METHODS)),
      path: pathOf(route),
      bodyText: bodyOf(route),
      type: mostly(fc.constant("application/json"), fc.constantFrom(...TYPES)),
      version: mostly(fc.constant("2025-04-01"), fc.constantFrom("", "x", "2017-03-30", "9999-01-01")),
      query: fc.dictionary(fc.constantFrom(...QUERIES), fc.constantFrom(...VALUES), { maxKeys: 2 }),
      match: mostly(fc.constant(undefined), fc.constantFrom('"1"', "*", "x", "")),
    }),
  )
  .map(({ method, path, bodyText, type, version, query, match }) => ({
    method,
    path,
    query: { ...query, "api-version": version },
    headers: {
      authorization: "Bearer any",
      "content-type": type,
      ...(match === undefined ? {} : { "if-match": match }),
    },
    bodyText,
    origin: "https://localhost",
  }));

/** A value with one part, counted in the order of its text, replaced. */
function withPart(value: Json, part: number, to: Json): Json {
  let before = 0;
  const walked = (inner: Json): Json => {
    if (before++ === part) return to;
    if (Array.isArray(inner)) return (inner as readonly Json[]).map(walked);
    if (!isObject(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).map(([name, member]) => [name, walked(member ?? null)]));
  };
  return walked(value);
}

function aRegion(): ModelFixture {
  const azure = aModel();
  for (const name of ["d", "e"]) azure.finish("PUT", `disks/${name}`, diskBody());
  azure.finish("PUT", "snapshots/s", SNAPSHOT);
  azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "e" }));
  azure.finish("PUT", "virtualMachineScaleSets/set", SCALE_SET);
  return azure;
}

describe("any request", () => {
  it("is answered without an error of the emulator, and changes nothing if refused", () => {
    const steps = fc.array(fc.record({ request, ms: fc.constantFrom(0, 20_000) }), {
      minLength: 1,
      maxLength: 20,
      size: "max",
    });
    fc.assert(
      fc.property(steps, (all) => {
        const azure = aRegion();
        const state = (): string => JSON.stringify(dumpWorld(azure.model.world));
        for (const step of all) {
          azure.advance(step.ms);
          const before = state();
          const { status, body } = dispatch(azure.model, step.request);
          const seen = `${step.request.method} ${step.request.path}: ${status} ${JSON.stringify(body)}`;
          assert.ok(status >= 200 && status < 500, seen);
          if (status >= 400) assert.equal(state(), before, seen);
        }
      }),
      { numRuns: 100 },
    );
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { placeSnapshot, parseSnapshotParameters } from "./snapshot-parameters.ts";

const SUBSCRIPTION = "00000000-0000-0000-0000-0000000000AA";
const DISKS_SUBSCRIPTION = "00000000-0000-0000-0000-0000000000dd";

function parsed(parameters: Readonly<Record<string, string>>): ReturnType<typeof parseSnapshotParameters> {
  return parseSnapshotParameters(parameters, {
    tags: { "k8s-azure-created-by": "kubernetes-azure-dd" },
    subscriptionId: DISKS_SUBSCRIPTION,
  });
}

describe("parseSnapshotParameters", () => {
  it("makes an incremental snapshot that no network reaches of an empty class", () => {
    assert.deepEqual(parsed({}), {
      ok: true,
      value: {
        isIncremental: true,
        resourceGroup: undefined,
        subscriptionId: undefined,
        location: undefined,
        tags: { "k8s-azure-created-by": "kubernetes-azure-dd" },
        dataAccessAuthMode: undefined,
        networkAccessPolicy: "DenyAll",
        publicNetworkAccess: "Disabled",
        instantAccessMinutes: undefined,
        freezeSeconds: undefined,
        userAgent: undefined,
      },
    });
  });

  it("reads each parameter, whatever its name's case, and the sidecar's", () => {
    assert.deepEqual(
      parsed({
        Incremental: "false",
        RESOURCEGROUP: "backups",
        subscriptionid: SUBSCRIPTION,
        location: "East US",
        tags: "team=a,b; env=c",
        tagvaluedelimiter: ";",
        dataAccessAuthMode: "AzureActiveDirectory",
        networkAccessPolicy: "AllowAll",
        publicNetworkAccess: "Enabled",
        instantAccessDurationMinutes: "60",
        fileSystemFreezeSeconds: "30",
        useragent: "pid-1",
        "csi.storage.k8s.io/volumesnapshot/name": "nightly",
        "csi.storage.k8s.io/volumesnapshot/namespace": "shop",
        "csi.storage.k8s.io/volumesnapshotcontent/name": "snapcontent-1",
      }),
      {
        ok: true,
        value: {
          isIncremental: false,
          resourceGroup: "backups",
          subscriptionId: SUBSCRIPTION,
          location: "eastus",
          tags: {
            "k8s-azure-created-by": "kubernetes-azure-dd",
            "kubernetes.io-created-for-snapshot-name": "nightly",
            "kubernetes.io-created-for-snapshot-namespace": "shop",
            team: "a,b",
            env: "c",
          },
          dataAccessAuthMode: "AzureActiveDirectory",
          networkAccessPolicy: "AllowAll",
          publicNetworkAccess: "Enabled",
          instantAccessMinutes: 60,
          freezeSeconds: 30,
          userAgent: "pid-1",
        },
      },
    );
  });

  for (const { parameters, fit } of [
    { parameters: {}, fit: 49 },
    { parameters: { location: "westus" }, fit: 48 },
    { parameters: { fileSystemFreezeSeconds: "30" }, fit: 47 },
  ])
    it(`takes ${fit} tags of a class with ${Object.keys(parameters).join() || "no more"}, and no other`, () => {
      const tags = (count: number): string =>
        Array.from({ length: count }, (_, index) => `t${index}=1`).join();
      const stated: Readonly<Record<string, string>> = { ...parameters };
      const isTaken = (count: number): boolean => parsed({ ...stated, tags: tags(count) }).ok;
      assert.deepEqual([isTaken(fit), isTaken(fit + 1)], [true, false]);
    });

  it("takes true in any case, as V1 does, and no other spelling of false", () => {
    for (const stated of ["true", "True", "TRUE"])
      assert.deepEqual(parsed({ incremental: stated }), parsed({}), stated);
  });

  it("counts an empty value as absent", () => {
    assert.deepEqual(parsed({ incremental: "", resourceGroup: "", location: "" }), parsed({}));
  });

  it("takes the disk's own subscription, in any case, like none", () => {
    assert.deepEqual(parsed({ subscriptionID: DISKS_SUBSCRIPTION.toUpperCase() }), parsed({}));
  });

  for (const { parameters, field, problem } of [
    { parameters: { incremental: "yes" }, field: "incremental", problem: /one of true, false/u },
    { parameters: { incremental: "False" }, field: "incremental", problem: /did you mean false/u },
    { parameters: { resourceGroup: "a/b" }, field: "resourceGroup", problem: /1 to 90/u },
    { parameters: { subscriptionID: "sub-1" }, field: "subscriptionID", problem: /id of a subscription/u },
    {
      parameters: { subscriptionID: SUBSCRIPTION, resourceGroup: "g" },
      field: "subscriptionID",
      problem: /needs incremental: false, or the disk.s own, 0{8}-.*dd: /u,
    },
    {
      parameters: { subscriptionID: SUBSCRIPTION, incremental: "false" },
      field: "subscriptionID",
      problem: /needs a resourceGroup/u,
    },
    {
      parameters: { networkAccessPolicy: "AllowPrivate" },
      field: "networkAccessPolicy",
      problem: /DenyAll/u,
    },
    {
      parameters: { instantAccessDurationMinutes: "59" },
      field: "instantAccessDurationMinutes",
      problem: /from 60 to 300/u,
    },
    {
      parameters: { fileSystemFreezeSeconds: "61" },
      field: "fileSystemFreezeSeconds",
      problem: /from 5 to 60/u,
    },
    {
      parameters: { instantAccessDurationMinutes: "301" },
      field: "instantAccessDurationMinutes",
      problem: /from 60 to 300/u,
    },
    {
      parameters: { dataAccessAuthMode: "azureActiveDirectory" },
      field: "dataAccessAuthMode",
      problem: /did you mean AzureActiveDirectory/u,
    },
    { parameters: { useragent: "pid-1\r\nx: y" }, field: "userAgent", problem: /printable ASCII/u },
    { parameters: { incrementl: "true" }, field: "incrementl", problem: /did you mean incremental/u },
    { parameters: { constructor: "x" }, field: "constructor", problem: /is no parameter/u },
    { parameters: { tags: "a=1", TAGS: "b=2" }, field: "TAGS", problem: /given twice/u },
    { parameters: { tags: "K8s-Azure-Created-By=me" }, field: "tags", problem: /sets itself/u },
  ])
    it(`refuses ${JSON.stringify(parameters)} by name`, () => {
      const refused = parsed(parameters as Readonly<Record<string, string>>);
      assert.ok(!refused.ok);
      assert.equal(refused.failure.field, `parameters.${field}`);
      assert.match(refused.failure.problem, problem);
    });
});

describe("placeSnapshot", () => {
  const check = (
    parameters: Readonly<Record<string, string>>,
    source: Parameters<typeof placeSnapshot>[1],
  ): string | undefined => {
    const given = parsed(parameters);
    assert.ok(given.ok);
    const checked = placeSnapshot(given.value, source);
    return checked.ok ? undefined : checked.failure.field;
  };
  const minutes = { instantAccessDurationMinutes: "60" };
  const incremental = { incremental: "false" };
  for (const { skuName, full, instant } of [
    { skuName: "Premium_LRS", full: undefined, instant: "parameters.instantAccessDurationMinutes" },
    { skuName: "Standard_LRS", full: undefined, instant: "parameters.instantAccessDurationMinutes" },
    { skuName: "PremiumV2_LRS", full: "parameters.incremental", instant: undefined },
    { skuName: "UltraSSD_LRS", full: "parameters.incremental", instant: undefined },
  ])
    it(`knows what Azure makes of a ${skuName} disk`, () => {
      const source = { diskUri: "/disks/pvc-1", skuName, location: "eastus" };
      assert.deepEqual(
        [check({}, source), check(incremental, source), check(minutes, source)],
        [undefined, full, instant],
      );
    });

  const premium = { diskUri: "/disks/pvc-1", skuName: "Premium_LRS", location: "East US" };

  it("leaves the snapshot in the disk's region, or copies it to the one of the class", () => {
    const place = (parameters: Readonly<Record<string, string>>): unknown => {
      const given = parsed(parameters);
      return given.ok && placeSnapshot(given.value, premium);
    };
    const here = { ok: true, value: { location: "East US", isCopy: false } };
    assert.deepEqual([place({}), place({ location: "East US" })], [here, here]);
    const there = { ok: true, value: { location: "westus", isCopy: true } };
    assert.deepEqual(place({ location: "West US" }), there);
  });

  for (const { parameters, source, field } of [
    { parameters: { incremental: "false" }, source: {}, field: "incremental" },
    {
      parameters: { instantAccessDurationMinutes: "60" },
      source: { skuName: "PremiumV2_LRS" },
      field: "instantAccessDurationMinutes",
    },
    {
      parameters: { fileSystemFreezeSeconds: "30" },
      source: {},
      field: "fileSystemFreezeSeconds",
    },
    { parameters: {}, source: { diskUri: "x".repeat(257) }, field: "location" },
  ])
    it(`refuses ${field} with another region, where Azure can't copy so`, () => {
      const there = { location: "westus", ...parameters } as Readonly<Record<string, string>>;
      assert.equal(check(there, { ...premium, ...source }), `parameters.${field}`);
      assert.equal(check({ ...there, location: "eastus" }, { ...premium, ...source }), undefined);
    });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DiskModification } from "../../api/az-volume.ts";
import { describeFailure } from "../../failure/describe-failure.ts";
import { ok } from "../../failure/result.ts";
import { aDiskSpec } from "../../testing/objects.ts";
import {
  checkModification,
  mutableParameterNames,
  parseModification,
  withMutable,
} from "./volume-modification.ts";

const v2 = { skuName: "PremiumV2_LRS", sizeGiB: 100, maxShares: 1, zones: ["1"] };

type Parameters = Readonly<Record<string, string>>;

function refusalOf(parameters: Parameters): string {
  const parsed = parseModification(parameters);
  assert.ok(!parsed.ok, JSON.stringify(parsed));
  return describeFailure(parsed.failure);
}

describe("parseModification", () => {
  const metadata = {
    "csi.storage.k8s.io/pv/name": "pv-1",
    "csi.storage.k8s.io/pvc/name": "claim",
    "csi.storage.k8s.io/pvc/namespace": "ns",
  };
  const rows: readonly { parameters: Parameters; modification: object }[] = [
    { parameters: {}, modification: {} },
    { parameters: { skuName: "" }, modification: {} },
    { parameters: metadata, modification: {} },
    { parameters: { SKUNAME: "Premium_LRS" }, modification: { skuName: "Premium_LRS" } },
    { parameters: { storageAccountType: "Premium_LRS" }, modification: { skuName: "Premium_LRS" } },
    {
      parameters: { DiskIOPSReadWrite: "5000", diskmbpsreadwrite: "200" },
      modification: { diskIOPSReadWrite: 5000, diskMBpsReadWrite: 200 },
    },
    {
      parameters: { networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" },
      modification: { networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" },
    },
    { parameters: { tags: "a=1,b=2" }, modification: { tags: { a: "1", b: "2" } } },
    {
      parameters: { tags: "a=1,2;b=${pvc.metadata.name}", tagValueDelimiter: ";", ...metadata },
      modification: { tags: { a: "1,2", b: "claim" } },
    },
  ];
  for (const { parameters, modification } of rows)
    it(`reads ${JSON.stringify(parameters).slice(0, 50)}`, () =>
      assert.deepEqual(parseModification(parameters), ok(modification)));

  it("names the parameter, the value and what is allowed", () => {
    assert.equal(
      refusalOf({ cachingMode: "None" }),
      'mutable_parameters.cachingMode "None": is no parameter that a VolumeAttributesClass changes. ' +
        `Allowed: ${mutableParameterNames.join(", ")}`,
    );
    assert.match(refusalOf({ skuName: "Gold" }), /^mutable_parameters.skuName "Gold": must be one of/);
    assert.match(refusalOf({ tags: "a" }), /^mutable_parameters.tags "a": must have the form name=value/);
  });

  for (const name of [
    "disk.csi.azure.com-uid",
    "DISK.csi.azure.com-quarantined-1",
    "k8s-azure-created-by",
    "kubernetes.io-created-for-pvc-name",
  ])
    it(`refuses the driver's own tag ${name}`, () =>
      assert.match(refusalOf({ tags: `${name}=x` }), /the driver sets itself/));
});

describe("withMutable", () => {
  it("prefers the VolumeAttributesClass, in any case and by either name of the SKU", () =>
    assert.deepEqual(
      withMutable(
        { storageAccountType: "Premium_LRS", Tags: "a=1", fsType: "xfs" },
        { skuname: "Standard_LRS", tags: "b=2" },
      ),
      { fsType: "xfs", skuname: "Standard_LRS", tags: "b=2" },
    ));

  for (const { because, storage, mutable, merged } of [
    {
      because: "reads the tags of each class with its own delimiter",
      storage: { tags: "a=1,b=2" },
      mutable: { tagValueDelimiter: ";" },
      merged: { tags: "a=1,b=2" },
    },
    {
      because: "takes no delimiter of a StorageClass for other tags",
      storage: { tags: "a=1;b=2", tagValueDelimiter: ";" },
      mutable: { Tags: "c=1,d=2" },
      merged: { Tags: "c=1,d=2" },
    },
  ])
    it(because, () => assert.deepEqual(withMutable(storage, mutable), merged));
});

describe("checkModification", () => {
  const rows: readonly {
    from: string;
    to: string;
    maxShares?: number;
    zones?: readonly string[];
    problem?: RegExp;
  }[] = [
    { from: "Premium_LRS", to: "Premium_LRS" },
    { from: "Premium_LRS", to: "Standard_LRS" },
    { from: "Premium_LRS", to: "PremiumV2_LRS" },
    { from: "Premium_LRS", to: "UltraSSD_LRS", problem: /only a copy by snapshot/ },
    { from: "UltraSSD_LRS", to: "PremiumV2_LRS", problem: /only a copy by snapshot/ },
    { from: "PremiumV2_LRS", to: "Premium_LRS", problem: /only a copy by snapshot/ },
    { from: "Premium_LRS", to: "Premium_ZRS", problem: /one in zone 1/ },
    { from: "Premium_LRS", to: "Premium_ZRS", zones: [] },
    { from: "Premium_ZRS", to: "Premium_LRS", zones: [], problem: /promises every zone/ },
    { from: "Premium_ZRS", to: "StandardSSD_ZRS", zones: [] },
    { from: "Premium_LRS", to: "Standard_LRS", maxShares: 2, problem: /must be 1/ },
  ];
  for (const { from, to, maxShares = 1, zones = ["1"], problem } of rows)
    it(`${from} to ${to}: ${problem === undefined ? "possible" : problem.source}`, () => {
      const checked = checkModification(
        { skuName: to },
        { detail: { skuName: from, sizeGiB: 10, maxShares, zones }, disk: aDiskSpec() },
      );
      if (problem === undefined) return assert.deepEqual(checked, ok(undefined));
      assert.ok(!checked.ok);
      assert.match(describeFailure(checked.failure), problem);
      assert.equal(checked.failure.kind, "InvalidArgument");
    });

  describe("of the tags", () => {
    const tags = (count: number): Readonly<Record<string, string>> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, "1"]));
    const own = { "k8s-azure-created-by": "kubernetes-azure-dd" };
    const check = (present: number, added: Readonly<Record<string, string>>) => {
      const disk = aDiskSpec({ tags: { ...own, ...tags(present), "disk.csi.azure.com-uid": "u" } });
      return checkModification({ tags: added }, { detail: v2, disk });
    };

    it("takes as many as leave room for the driver's own, with those that the disk has", () => {
      assert.deepEqual(check(30, tags(38)), ok(undefined));
      const refused = check(30, {
        ...Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`u${index}`, "1"])),
        ...tags(9),
      });
      assert.equal(
        refused.ok ? "" : describeFailure(refused.failure),
        'mutable_parameters.tags "51 tags": Azure takes at most 50 tags, 12 of them the driver\'s own',
      );
    });

    it("takes other values of tags that a full disk has already, and names in other case", () => {
      assert.deepEqual(check(39, { T1: "2" }), ok(undefined));
    });
  });

  it("leaves a change without SKU to Azure", () =>
    assert.deepEqual(
      checkModification(
        { tags: { a: "b" } },
        { detail: { ...v2, skuName: "UltraSSD_LRS" }, disk: aDiskSpec() },
      ),
      ok(undefined),
    ));

  it("leaves other changes of a disk that does not fit the rules to Azure", () => {
    const disk = aDiskSpec({ burstingEnabled: true });
    const detail = { ...v2, skuName: "StandardSSD_LRS", sizeGiB: 1000 };
    for (const change of [{ tags: { a: "b" } }, { networkAccessPolicy: "AllowAll" } as const])
      assert.deepEqual(checkModification(change, { detail, disk }), ok(undefined));
  });

  for (const iops of [undefined, 3000])
    it(`leaves throughput to Azure up to the SKU's most, where the spec has ${iops ?? "no"} IOPS`, () => {
      const disk = aDiskSpec(iops === undefined ? {} : { diskIOPSReadWrite: iops, diskMBpsReadWrite: 125 });
      const check = (change: DiskModification) =>
        checkModification(change, { detail: { ...v2, sizeGiB: 1024 }, disk });
      assert.deepEqual(check({ diskMBpsReadWrite: 1200 }), ok(undefined));
      const refused = check({ diskMBpsReadWrite: 2001 });
      assert.equal(
        refused.ok ? "" : describeFailure(refused.failure),
        'mutable_parameters.DiskMBpsReadWrite "2001": must be from 125 to 2000 for a PremiumV2_LRS disk of ' +
          "1024 GiB",
      );
    });

  it("checks IOPS and throughput by the disk that it becomes", () => {
    const check = (change: DiskModification, skuName = v2.skuName, disk = aDiskSpec()): string => {
      const checked = checkModification(change, {
        detail: { ...v2, skuName },
        disk,
      });
      return checked.ok ? "" : describeFailure(checked.failure);
    };
    assert.equal(check({ diskIOPSReadWrite: 5000, diskMBpsReadWrite: 200 }), "");
    assert.equal(check({ skuName: "PremiumV2_LRS", diskIOPSReadWrite: 5000 }, "Premium_LRS"), "");
    assert.match(check({ diskIOPSReadWrite: 90_000 }), /^mutable_parameters.DiskIOPSReadWrite "90000": must/);
    assert.match(
      check({ diskIOPSReadWrite: 4000, diskMBpsReadWrite: 1500 }),
      /^mutable_parameters.DiskMBpsReadWrite "1500": must be from 125 to 1000 .* and 4000 IOPS; raise/,
    );
    assert.match(check({ diskIOPSReadWrite: 5000 }, "Premium_LRS"), /not for Premium_LRS/);
    assert.match(check({ networkAccessPolicy: "AllowPrivate" }), /needs diskAccessID/);
    const bursting = aDiskSpec({ burstingEnabled: true });
    assert.equal(
      check({ skuName: "PremiumV2_LRS" }, "Premium_LRS", bursting),
      'mutable_parameters.skuName "PremiumV2_LRS": the disk bursts on demand (burstingEnabled), and Azure ' +
        "makes no PremiumV2_LRS of one that does; disable that first: az disk update --enable-bursting false",
    );
  });

  it("leaves to Azure what becomes of performance plus", () =>
    assert.deepEqual(
      checkModification(
        { skuName: "PremiumV2_LRS" },
        {
          detail: { ...v2, skuName: "Premium_LRS", sizeGiB: 1024 },
          disk: aDiskSpec({ performancePlus: true }),
        },
      ),
      ok(undefined),
    ));

  it("leaves the end of bursting to Azure, which comes with a type that has none", () => {
    const disk = aDiskSpec({ burstingEnabled: true });
    const check = (from: string, to: string): unknown =>
      checkModification({ skuName: to }, { detail: { ...v2, skuName: from, sizeGiB: 1024 }, disk });
    assert.deepEqual(check("Premium_LRS", "StandardSSD_LRS"), ok(undefined));
    assert.deepEqual(check("Premium_LRS", "Standard_LRS"), ok(undefined));
    assert.deepEqual(check("StandardSSD_LRS", "PremiumV2_LRS"), ok(undefined), "it has ended before");
    assert.deepEqual(check("StandardSSD_LRS", "Premium_LRS"), ok(undefined));
  });

  it("makes a Premium SSD v2 of a disk by the bursting that Azure shows", () => {
    const check = (stated: boolean, shown: boolean): boolean => {
      const detail = { ...v2, skuName: "Premium_LRS", sizeGiB: 1024, burstingEnabled: shown };
      const disk = aDiskSpec({ burstingEnabled: stated });
      return checkModification({ skuName: "PremiumV2_LRS" }, { detail, disk }).ok;
    };
    assert.equal(check(true, false), true, "it has ended");
    assert.equal(check(false, true), false, "another client has begun it");
  });
});
